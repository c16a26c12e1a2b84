#pragma once

#include <vector>

#include "trireme/runtime/part_optimizer.h"

namespace trireme {

struct LambOptions {
  double learning_rate = 1e-3;
  Schedule schedule = nullptr;  // when given, used instead of learning_rate
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-6;
  double weight_decay = 0.01;  // part of the direction whose length is compared
  bool decay_vectors = false;  // decay biases and norm weights (fewer than two dimensions) too
  double clip_norm = 0;        // gradients are scaled down to this global L2 norm; 0: never
  std::vector<ParameterGroup> groups = {};
};

// LAMB (arXiv:1904.00962, Algorithm 2, with bias correction): Adam's direction, scaled for each parameter by the length
// of the parameter over that of the direction (by 1 where either is 0). State: exp_avg, exp_avg_sq.
//
// The lengths span all shards: a rank adds up the squares of what it owns in double, then one all_reduce of two numbers
// a parameter over the world. Shards are cut unlike at different stages and numbers of ranks, so results agree between
// them to the last bits of a float, and are the same bits from run to run and on all ranks.
class Lamb final : public PartOptimizer {
 public:
  // Throws ConfigError naming an option that is out of range or a pattern that matches nothing.
  Lamb(ParallelModule& parallel, const LambOptions& options);
};

}  // namespace trireme
