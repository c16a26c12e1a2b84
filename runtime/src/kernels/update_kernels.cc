#include "kernels/update_kernels.h"

#include <bit>

#include "kernels/target_clones.h"

namespace trireme {
namespace {

inline __attribute__((always_inline)) float from_float(float value) { return value; }

inline __attribute__((always_inline)) float from_bf16(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

// The exponent's bias is mended by a multiplication, which also makes subnormal numbers right.
inline __attribute__((always_inline)) float from_half(std::uint16_t bits) {
  const std::uint32_t magnitude = bits & 0x7FFFU;
  const float scaled = std::bit_cast<float>(magnitude << 13) * 0x1p112F;
  const std::uint32_t special = magnitude >= 0x7C00U ? 0x7F800000U : 0U;  // infinite or not a number
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000U) << 16;
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(scaled) | special | sign);
}

template <typename Gradient, typename Step, typename Load>
inline __attribute__((always_inline)) void update_loop(const UpdateSegment& segment, const Step step, Load load) {
  float* __restrict values = segment.values;
  const auto* __restrict gradients = static_cast<const Gradient*>(segment.gradients);
  float* __restrict firsts = segment.first;
  float* __restrict seconds = segment.second;
  for (std::int64_t i = 0; i < segment.elements; ++i) {
    float gradient = 0;
    float first = 0;
    float second = 0;
    float value = 0;
    if constexpr (Step::kReadsGradient) gradient = load(gradients[i]);
    if constexpr (Step::kWritesValue) value = values[i];
    if constexpr (Step::kStates > 0) first = firsts[i];
    if constexpr (Step::kStates > 1) second = seconds[i];
    step.apply(gradient, value, first, second);
    if constexpr (Step::kWritesValue) values[i] = value;
    if constexpr (Step::kStates > 0) firsts[i] = first;
    if constexpr (Step::kStates > 1) seconds[i] = second;
  }
}

template <typename Step>
inline __attribute__((always_inline)) void update(const UpdateSegment& segment, const Step& step) {
  if constexpr (Step::kReadsGradient) {
    if (segment.type == GradientType::kBf16) return update_loop<std::uint16_t>(segment, step, from_bf16);
    if (segment.type == GradientType::kHalf) return update_loop<std::uint16_t>(segment, step, from_half);
  }
  update_loop<float>(segment, step, from_float);
}

}  // namespace

TRIREME_TARGET_CLONES void update_elements(const UpdateSegment& segment, const SgdStep& step) { update(segment, step); }
TRIREME_TARGET_CLONES void update_elements(const UpdateSegment& segment, const MomentumStep& step) {
  update(segment, step);
}
TRIREME_TARGET_CLONES void update_elements(const UpdateSegment& segment, const AdamStep& step) {
  update(segment, step);
}
TRIREME_TARGET_CLONES void update_elements(const UpdateSegment& segment, const LionStep& step) {
  update(segment, step);
}
TRIREME_TARGET_CLONES void update_elements(const UpdateSegment& segment, const LambMoments& step) {
  update(segment, step);
}
TRIREME_TARGET_CLONES void update_elements(const UpdateSegment& segment, const LambStep& step) {
  update(segment, step);
}
TRIREME_TARGET_CLONES void update_elements(const UpdateSegment& segment, const MuonMomentum& step) {
  update(segment, step);
}
TRIREME_TARGET_CLONES void update_elements(const UpdateSegment& segment, const DirectionStep& step) {
  update(segment, step);
}
TRIREME_TARGET_CLONES void update_elements(const UpdateSegment& segment, const AverageStep& step) {
  update(segment, step);
}

}  // namespace trireme
