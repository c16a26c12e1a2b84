#pragma once

#include <cstdint>
#include <string>

#include "trireme/runtime/state.h"

namespace trireme {

// What one call of Optimizer::step() did.
struct UpdateReport {
  double learning_rate = 0;
  double gradient_norm = 0;  // over all parameters, before clipping
  bool skipped = false;      // nothing was changed
  std::string reason = {};   // why it was skipped
};

// Changes parameters from their gradients. AdamW is one; steps() takes any.
class Optimizer : public StateSource {
 public:
  // Collective. Does not clear the gradients.
  virtual UpdateReport step() = 0;
  // Tensors of float32 that it keeps beside a parameter: 2 for Adam. For what memory a rank needs by the formula.
  [[nodiscard]] virtual int state_tensors() const { return 0; }
};

}  // namespace trireme
