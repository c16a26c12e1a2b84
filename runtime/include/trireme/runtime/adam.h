#pragma once

#include <vector>

#include "trireme/runtime/part_optimizer.h"

namespace trireme {

struct AdamOptions {
  double learning_rate = 1e-3;
  Schedule schedule = nullptr;  // when given, used instead of learning_rate
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0;     // added to the (clipped) gradient, times the parameter
  bool decay_vectors = false;  // decay biases and norm weights (fewer than two dimensions) too
  double clip_norm = 0;        // gradients are scaled down to this global L2 norm; 0: never
  std::vector<ParameterGroup> groups = {};
};

// Adam (arXiv:1412.6980) with L2 regularisation, as torch.optim.Adam; AdamW decouples the decay. State: exp_avg,
// exp_avg_sq.
class Adam final : public PartOptimizer {
 public:
  // Throws ConfigError naming an option that is out of range or a pattern that matches nothing.
  Adam(ParallelModule& parallel, const AdamOptions& options);
};

}  // namespace trireme
