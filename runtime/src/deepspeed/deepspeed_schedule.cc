#include "deepspeed/deepspeed_schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace trireme {
namespace {

double warm_up(const DeepSpeedWarmup& shape, double step) {
  const auto steps = static_cast<double>(std::max<std::int64_t>(2, shape.warmup));
  const double progress = shape.is_logarithmic ? std::log(step + 1) / std::log(steps) : step / steps;
  return shape.from + (shape.peak - shape.from) * progress;
}

double rate_at(const DeepSpeedWarmup& shape, double step) {
  const auto warmup = static_cast<double>(std::max<std::int64_t>(2, shape.warmup));
  if (step < warmup) return warm_up(shape, step);
  const double rest = std::max(1.0, static_cast<double>(shape.total) - warmup);
  switch (shape.then) {
    case DeepSpeedWarmup::Then::kLinear:
      return shape.from + (shape.peak - shape.from) * std::max(0.0, (static_cast<double>(shape.total) - step) / rest);
    case DeepSpeedWarmup::Then::kCosine: {
      const double done = std::min(1.0, (step - warmup + 1) / rest);
      return shape.end + (shape.peak - shape.end) * 0.5 * (1 + std::cos(std::numbers::pi * done));
    }
    default:
      return shape.peak;
  }
}

}  // namespace

Schedule deepspeed_warmup(const DeepSpeedWarmup& shape) {
  return [shape](std::int64_t step) { return step == 0 ? shape.from : rate_at(shape, static_cast<double>(step - 1)); };
}

}  // namespace trireme
