#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "trireme/runtime/parallel.h"

namespace trireme {

// Training on unlike numbers of batches per rank, as DDP's join() allows: a rank that has run out takes part with
// nothing, until all have. The loss stays the mean over the samples of a round, whichever ranks they are on.
//
//   Join join(parallel);
//   while (join.next(batch ? batch->size(0) : 0)) {
//     join.backward(join.has_batch() ? loss_of(parallel, *batch) : at::Tensor());
//     optimizer.step();
//     parallel.zero_grad();
//   }
//
// Every rank leaves the loop in the same round, having updated its parameters in each. Modules that talk to other ranks
// in their forward pass (SyncBatchNorm) need a batch on every rank. Refers to `parallel`; one thread.
class Join {
 public:
  explicit Join(ParallelModule& parallel) : parallel_(parallel) {}
  Join(const Join&) = delete;
  Join& operator=(const Join&) = delete;

  // Collective. Begins a round in which this rank has `samples` samples; 0: it has run out. False once all have.
  [[nodiscard]] bool next(std::int64_t samples);
  [[nodiscard]] bool has_batch() const noexcept { return samples_ > 0; }
  // Of this round, on all ranks.
  [[nodiscard]] std::int64_t global_samples() const noexcept { return global_samples_; }
  // What ParallelModule::backward() takes, for several passes a round under no_sync().
  [[nodiscard]] double weight() const noexcept {
    return static_cast<double>(samples_) / static_cast<double>(global_samples_);
  }
  // Collective. Backward and reduction; `loss` is the mean over this rank's samples, not looked at without any. Under
  // Zero::kParameters without sharing a rank that has run out must run the units with the others, so it passes the loss
  // of some batch all the same, which counts nothing (else Error). Returns the mean over the round's samples.
  double backward(const at::Tensor& loss);

 private:
  ParallelModule& parallel_;
  std::int64_t samples_ = 0;
  std::int64_t global_samples_ = 0;
};

}  // namespace trireme
