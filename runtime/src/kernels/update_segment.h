#pragma once

#include <cstdint>

namespace trireme {

enum class GradientType { kFloat, kBf16, kHalf };
[[nodiscard]] constexpr std::int64_t width_of(GradientType type) noexcept {
  return type == GradientType::kFloat ? 4 : 2;
}

// Consecutive elements that are updated alike: parallel arrays, in the memory of one device. What a step does not use
// may be null.
struct UpdateSegment {
  float* values = nullptr;
  const void* gradients = nullptr;  // of `type`
  float* first = nullptr;           // state
  float* second = nullptr;
  std::int64_t elements = 0;
  GradientType type = GradientType::kFloat;

  // Elements [begin, end).
  [[nodiscard]] UpdateSegment slice(std::int64_t begin, std::int64_t end) const noexcept {
    const auto at = [&](float* array) { return array == nullptr ? nullptr : array + begin; };
    const auto* bytes = static_cast<const char*>(gradients);
    return {at(values), bytes == nullptr ? nullptr : bytes + begin * width_of(type), at(first), at(second), end - begin,
            type};
  }
};

// A segment with its step (update_formulas.h).
template <typename Step>
struct SegmentUpdate {
  UpdateSegment segment;
  Step step;
};

}  // namespace trireme
