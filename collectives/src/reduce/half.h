#pragma once

#include <bit>
#include <cstdint>

// 16-bit floating point as bits: exact widening, and rounding to the nearest (ties to even). Static, because files that
// are compiled for other instruction sets include this too.
namespace trireme::collectives {

[[nodiscard]] static inline float widen_bfloat16(std::uint16_t bits) noexcept {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

[[nodiscard]] static inline std::uint16_t round_to_bfloat16(float value) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t quiet_nan = (bits >> 16) | 0x40U;
  const std::uint32_t rounded = (bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16;
  return static_cast<std::uint16_t>((bits & 0x7fffffffU) > 0x7f800000U ? quiet_nan : rounded);
}

[[nodiscard]] static inline float widen_float16(std::uint16_t bits) noexcept {
  constexpr std::uint32_t kExponent = 0x7c00U << 13;
  constexpr std::uint32_t kRebias = (127U - 15U) << 23;
  std::uint32_t magnitude = (bits & 0x7fffU) << 13;
  const std::uint32_t exponent = magnitude & kExponent;
  magnitude += kRebias;
  if (exponent == kExponent) magnitude += kRebias;  // infinity and NaN
  float value = std::bit_cast<float>(magnitude);
  if (exponent == 0) {  // zero and subnormals: take the implicit bit back off
    value = std::bit_cast<float>(magnitude + (1U << 23)) - std::bit_cast<float>(113U << 23);
  }
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) | (bits & 0x8000U) << 16);
}

[[nodiscard]] static inline std::uint16_t round_to_float16(float value) noexcept {
  constexpr std::uint32_t kSmallestNormal = 113U << 23;  // 2^-14
  constexpr std::uint32_t kOverflow = 0x477ff000U;       // 65520, half way to the first value above the largest
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits >> 16) & 0x8000U;
  const std::uint32_t magnitude = bits & 0x7fffffffU;
  std::uint32_t half = 0;
  if (magnitude > 0x7f800000U) {
    half = 0x7e00U;
  } else if (magnitude >= kOverflow) {
    half = 0x7c00U;
  } else if (magnitude < kSmallestNormal) {
    // Adding 0.5 shifts the subnormal's last place to the float's last place, so the addition itself rounds.
    half = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + 0.5F) - std::bit_cast<std::uint32_t>(0.5F);
  } else {
    half = (magnitude - ((127U - 15U) << 23) + 0xfffU + ((magnitude >> 13) & 1U)) >> 13;
  }
  return static_cast<std::uint16_t>(sign | half);
}

}  // namespace trireme::collectives
