#include "trireme/runtime/schedule.h"

#include <cmath>
#include <numbers>

#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme {
namespace {

void check(const WarmupCosine& shape) {
  if (shape.warmup_steps < 0 || shape.until <= shape.warmup_steps) {
    throw ConfigError(message("A schedule with {} warm-up steps that ends at step {} is empty; let it end later.",
                              shape.warmup_steps, shape.until));
  }
  if (!(shape.minimum >= 0 && shape.minimum <= shape.peak)) {
    throw ConfigError(message("A schedule cannot fall from {} to {}; the minimum lies between 0 and the peak.",
                              shape.peak, shape.minimum));
  }
}

double rate_at(const WarmupCosine& shape, std::int64_t step) {
  if (step < shape.warmup_steps) {
    return shape.peak * static_cast<double>(step + 1) / static_cast<double>(shape.warmup_steps);
  }
  if (step >= shape.until) return shape.minimum;
  const auto progress =
      static_cast<double>(step - shape.warmup_steps) / static_cast<double>(shape.until - shape.warmup_steps);
  return shape.minimum + (shape.peak - shape.minimum) * 0.5 * (1 + std::cos(std::numbers::pi * progress));
}

}  // namespace

Schedule constant_rate(double rate) {
  return [rate](std::int64_t) { return rate; };
}

Schedule warmup_cosine(const WarmupCosine& shape) {
  check(shape);
  return [shape](std::int64_t step) { return rate_at(shape, step); };
}

}  // namespace trireme
