#include "trireme/runtime/adam.h"

#include <torch/torch.h>

#include <cmath>

#include "optim/adam_rule.h"
#include "optim/require_option.h"
#include "optim/update_tensors.h"
#include "trireme/runtime/adamw.h"

namespace trireme {
namespace {

AdamStep step_of(const PartUpdate& update, const AdamRule& rule) {
  const auto count = static_cast<double>(update.count);
  const double decay = update.weight_decay;
  return {.gradient_scale = static_cast<float>(update.gradient_scale),
          .keep = static_cast<float>(rule.decoupled ? 1 - update.learning_rate * decay : 1),
          .l2 = static_cast<float>(rule.decoupled ? 0 : decay),
          .beta1 = static_cast<float>(rule.beta1),
          .beta2 = static_cast<float>(rule.beta2),
          .rate = static_cast<float>(update.learning_rate / (1 - std::pow(rule.beta1, count))),
          .root_scale = static_cast<float>(1 / std::sqrt(1 - std::pow(rule.beta2, count))),
          .epsilon = static_cast<float>(rule.epsilon)};
}

class AdamUpdate final : public UpdateRule {
 public:
  explicit AdamUpdate(const AdamRule& rule) : rule_(rule) {}
  [[nodiscard]] std::vector<std::string> state_names(const NamedParameter&) const override {
    return {"exp_avg", "exp_avg_sq"};
  }
  void update(std::span<const PartUpdate> updates) override { update_by_adam(updates, rule_); }

 private:
  const AdamRule rule_;
};

template <typename Options>
std::unique_ptr<UpdateRule> checked_rule(const char* name, const Options& options, bool decoupled) {
  const AdamRule rule{options.beta1, options.beta2, options.epsilon, decoupled};
  check(rule, name);
  return make_adam_rule(rule);
}

}  // namespace

void check(const AdamRule& rule, const char* optimizer) {
  require_option(rule.beta1 >= 0 && rule.beta1 < 1, optimizer, "beta1", rule.beta1, "in [0, 1)");
  require_option(rule.beta2 >= 0 && rule.beta2 < 1, optimizer, "beta2", rule.beta2, "in [0, 1)");
  require_option(rule.epsilon > 0, optimizer, "epsilon", rule.epsilon, "above 0");
}

std::unique_ptr<UpdateRule> make_adam_rule(const AdamRule& rule) { return std::make_unique<AdamUpdate>(rule); }

void update_by_adam(std::span<const PartUpdate> updates, const AdamRule& rule) {
  update_parts(updates, [&](const PartUpdate& update) { return step_of(update, rule); });
}

Adam::Adam(ParallelModule& parallel, const AdamOptions& options)
    : PartOptimizer(parallel, checked_rule("adam", options, false), shared_options("adam", options)) {}

AdamW::AdamW(ParallelModule& parallel, const AdamWOptions& options)
    : PartOptimizer(parallel, checked_rule("adamw", options, true), shared_options("adamw", options)) {}

}  // namespace trireme
