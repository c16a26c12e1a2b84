#pragma once

#include <vector>

#include "trireme/runtime/part_optimizer.h"

namespace trireme {

struct LionOptions {
  double learning_rate = 1e-4;  // the paper: 3 to 10 times smaller than AdamW's, with as much larger a decay
  Schedule schedule = nullptr;  // when given, used instead of learning_rate
  double beta1 = 0.9;           // how much of the momentum the direction has
  double beta2 = 0.99;          // how long the momentum lasts
  double weight_decay = 0;      // decoupled
  bool decay_vectors = false;   // decay biases and norm weights (fewer than two dimensions) too
  double clip_norm = 0;         // gradients are scaled down to this global L2 norm; 0: never
  std::vector<ParameterGroup> groups = {};
};

// Lion (arXiv:2302.06675): every element moves by the learning rate, in the direction of a sign. State: exp_avg, half
// of Adam's.
class Lion final : public PartOptimizer {
 public:
  // Throws ConfigError naming an option that is out of range or a pattern that matches nothing.
  Lion(ParallelModule& parallel, const LionOptions& options);
};

}  // namespace trireme
