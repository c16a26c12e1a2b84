#pragma once

#include <vector>

#include "trireme/runtime/part_optimizer.h"

namespace trireme {

struct AdamWOptions {
  double learning_rate = 1e-3;
  Schedule schedule = nullptr;  // when given, used instead of learning_rate
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0.01;  // decoupled
  bool decay_vectors = false;  // decay biases and norm weights (fewer than two dimensions) too
  double clip_norm = 0;        // gradients are scaled down to this global L2 norm; 0: never
  std::vector<ParameterGroup> groups = {};
};

// AdamW (arXiv:1711.05101), fused; the same arithmetic as torch.optim.AdamW(fused=True). State: exp_avg, exp_avg_sq.
class AdamW final : public PartOptimizer {
 public:
  // Throws ConfigError naming an option that is out of range or a pattern that matches nothing.
  AdamW(ParallelModule& parallel, const AdamWOptions& options);
};

}  // namespace trireme
