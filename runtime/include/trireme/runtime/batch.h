#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "trireme/runtime/state.h"

namespace trireme {

// This rank's share of one global batch.
struct Batch {
  at::Tensor inputs;
  at::Tensor targets;               // its elements are what "tokens per second" counts
  std::int64_t samples = 0;         // rows of this rank's share; may be 0
  std::int64_t global_samples = 0;  // rows of the global batch; equal on all ranks
};

// Gives the batches of a run. steps() takes one; TokenLoader is one. Its state is the position in the data, so that a
// resumed run goes on with the batch after the last one trained on.
class BatchSource : public StateSource {
 public:
  // The next batch. Called on every rank once a step.
  [[nodiscard]] virtual Batch next() = 0;
};

}  // namespace trireme
