#include "precision/loss_scaler.h"

#include <algorithm>
#include <cmath>

#include "precision/scalar_text.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme {
namespace {

constexpr const char* kScale = "loss_scale.scale";
constexpr const char* kGoodSteps = "loss_scale.good_steps";
constexpr const char* kOverflows = "loss_scale.overflows";

void require(bool holds, const char* option, double value, const char* range) {
  if (!holds) throw ConfigError(message("LossScale's {} is {}, but must be {}.", option, value, range));
}

void check(const LossScale& options) {
  require(std::isfinite(options.most) && options.most > 0, "most", options.most, "above 0");
  require(options.least > 0 && options.least <= options.most, "least", options.least, "above 0 and at most `most`");
  require(options.initial >= options.least && options.initial <= options.most, "initial", options.initial,
          "between `least` and `most`");
  require(options.growth >= 1 && std::isfinite(options.growth), "growth", options.growth, "1 or more");
  require(options.backoff > 0 && options.backoff <= 1, "backoff", options.backoff, "in (0, 1]");
  require(options.growth_interval >= 0, "growth_interval", static_cast<double>(options.growth_interval),
          "0 (never) or more");
  require(options.hysteresis >= 1, "hysteresis", options.hysteresis, "1 or more");
}

}  // namespace

LossScaler::LossScaler(const LossScale& options) : options_(options), scale_(options.initial) { check(options); }

double LossScaler::scale_after_overflow() const noexcept {
  return overflows_ + 1 < options_.hysteresis ? scale_ : std::max(options_.least, scale_ * options_.backoff);
}

void LossScaler::update(bool overflowed) {
  if (overflowed) {
    scale_ = scale_after_overflow();
    ++overflows_;
    good_steps_ = 0;
    return;
  }
  if (++good_steps_ != options_.growth_interval) return;
  scale_ = std::min(options_.most, scale_ * options_.growth);
  good_steps_ = 0;
  overflows_ = 0;
}

std::map<std::string, std::string> LossScaler::scalars() const {
  return {{kScale, scalar_text(scale_)},
          {kGoodSteps, std::to_string(good_steps_)},
          {kOverflows, std::to_string(overflows_)}};
}

void LossScaler::load_scalars(const std::map<std::string, std::string>& scalars) {
  load_scalar(scalars, kScale, scale_);
  load_scalar(scalars, kGoodSteps, good_steps_);
  load_scalar(scalars, kOverflows, overflows_);
  scale_ = std::clamp(scale_, options_.least, options_.most);
}

}  // namespace trireme
