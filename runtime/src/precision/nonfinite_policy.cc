#include "precision/nonfinite_policy.h"

#include "precision/scalar_text.h"
#include "trireme/base/message.h"

namespace trireme {
namespace {

constexpr const char* kSteps = "parallel.steps";

}  // namespace

NonfinitePolicy::NonfinitePolicy(const std::optional<LossScale>& loss_scale, std::int64_t throw_after)
    : throw_after_(throw_after) {
  if (loss_scale) scaler_.emplace(*loss_scale);
  if (throw_after < 0)
    throw ConfigError(message("throw_after_skips is {}, but must be 0 (never) or more.", throw_after));
}

std::string NonfinitePolicy::explain(const std::vector<NonfiniteSight>& by_rank) const {
  auto text = describe_nonfinite(by_rank);
  if (scaler_) {
    text += message(", at loss scale {}", scaler_->scale());
    const auto next = scaler_->scale_after_overflow();
    if (next != scaler_->scale()) text += message(", which falls to {}", next);
  }
  const auto in_a_row = skips_ + 1;
  if (in_a_row > 1) text += message(", in {} steps in a row since step {}", in_a_row, steps_ - skips_ + 1);
  if (throw_after_ == 0 || in_a_row < throw_after_) return text;
  throw NonfiniteError(
      message("Step {}: {}. Training ends because throw_after_skips is {}. Try a lower learning rate or more warm-up, "
              "look at the data of this step, or begin again from an earlier checkpoint.",
              steps_ + 1, text, throw_after_));
}

void NonfinitePolicy::end_step(bool skipped) {
  ++steps_;
  skips_ = skipped ? skips_ + 1 : 0;
  if (scaler_) scaler_->update(skipped);
}

std::map<std::string, std::string> NonfinitePolicy::scalars() const {
  auto scalars = scaler_ ? scaler_->scalars() : std::map<std::string, std::string>{};
  scalars[kSteps] = std::to_string(steps_);
  return scalars;
}

void NonfinitePolicy::load_scalars(const std::map<std::string, std::string>& scalars) {
  if (scaler_) scaler_->load_scalars(scalars);
  load_scalar(scalars, kSteps, steps_);
  skips_ = 0;
}

}  // namespace trireme
