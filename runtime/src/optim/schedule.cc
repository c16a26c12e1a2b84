#include "trireme/runtime/schedule.h"

#include <cmath>
#include <functional>
#include <numbers>
#include <utility>

#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme {
namespace {

using Shape = std::function<double(double progress)>;  // from 1 at progress 0 to 0 at 1

// A rise, a plateau and a fall, which end at these updates.
struct Course {
  double peak = 0;
  double minimum = 0;
  std::int64_t rise_end = 0;
  std::int64_t fall_begin = 0;
  std::int64_t fall_end = 0;
};

void check(const Course& course) {
  if (course.rise_end < 0 || course.fall_end <= 0 || course.fall_begin > course.fall_end ||
      course.fall_begin < course.rise_end) {
    throw ConfigError(
        message("A schedule with {} warm-up steps and a fall from step {} to {} is empty; let it end later.",
                course.rise_end, course.fall_begin, course.fall_end));
  }
  if (!(course.minimum >= 0 && course.minimum <= course.peak)) {
    throw ConfigError(message("A schedule cannot fall from {} to {}; the minimum lies between 0 and the peak.",
                              course.peak, course.minimum));
  }
}

double rate_at(const Course& course, const Shape& shape, std::int64_t step) {
  const auto ratio = [](std::int64_t part, std::int64_t whole) {
    return static_cast<double>(part) / static_cast<double>(whole);
  };
  if (step < course.rise_end) return course.peak * ratio(step + 1, course.rise_end);
  if (step < course.fall_begin || course.fall_begin == course.fall_end) return course.peak;
  if (step >= course.fall_end) return course.minimum;
  const auto progress = ratio(step - course.fall_begin, course.fall_end - course.fall_begin);
  return course.minimum + (course.peak - course.minimum) * shape(progress);
}

Schedule follow(const Course& course, Shape shape) {
  check(course);
  return [course, shape = std::move(shape)](std::int64_t step) { return rate_at(course, shape, step); };
}

// Falls from the end of the rise on.
template <typename Options>
Course falling_course(const Options& options) {
  // At least one update falls.
  const auto fall_end = options.until > options.warmup_steps ? options.until : options.warmup_steps - 1;
  return {options.peak, options.minimum, options.warmup_steps, options.warmup_steps, fall_end};
}

double straight(double progress) { return 1 - progress; }

}  // namespace

Schedule constant_rate(double rate) {
  return [rate](std::int64_t) { return rate; };
}

Schedule warmup_cosine(const WarmupCosine& shape) {
  return follow(falling_course(shape),
                [](double progress) { return 0.5 * (1 + std::cos(std::numbers::pi * progress)); });
}

Schedule warmup_linear(const WarmupLinear& shape) { return follow(falling_course(shape), straight); }

Schedule warmup_stable_decay(const WarmupStableDecay& shape) {
  const auto by_root = [](double progress) { return 1 - std::sqrt(progress); };
  const Course course{shape.peak, shape.minimum, shape.warmup_steps, shape.until - shape.decay_steps, shape.until};
  return shape.decay == DecayShape::kLinear ? follow(course, straight) : follow(course, by_root);
}

}  // namespace trireme
