#pragma once

#include <vector>

#include "trireme/runtime/part_optimizer.h"

namespace trireme {

struct SgdOptions {
  double learning_rate = 1e-2;
  Schedule schedule = nullptr;  // when given, used instead of learning_rate
  double momentum = 0;
  bool nesterov = false;       // look ahead along the momentum (Sutskever et al., ICML 2013); needs momentum
  double weight_decay = 0;     // added to the (clipped) gradient, times the parameter
  bool decay_vectors = false;  // decay biases and norm weights (fewer than two dimensions) too
  double clip_norm = 0;        // gradients are scaled down to this global L2 norm; 0: never
  std::vector<ParameterGroup> groups = {};
};

// Stochastic gradient descent, as torch.optim.SGD without dampening. State: momentum_buffer, with momentum.
class Sgd final : public PartOptimizer {
 public:
  // Throws ConfigError naming an option that is out of range or a pattern that matches nothing.
  Sgd(ParallelModule& parallel, const SgdOptions& options);
};

}  // namespace trireme
