#pragma once

#include <memory>

#include "trireme/runtime/update_rule.h"

namespace trireme {

struct AdamRule {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  bool decoupled = true;  // weight decay beside the gradient (AdamW), or added to it
};

// Throws ConfigError naming `optimizer` and the number that is out of range.
void check(const AdamRule& rule, const char* optimizer);
[[nodiscard]] std::unique_ptr<UpdateRule> make_adam_rule(const AdamRule& rule);
// Updates parts whose state is exp_avg and exp_avg_sq.
void update_by_adam(std::span<const PartUpdate> updates, const AdamRule& rule);

}  // namespace trireme
