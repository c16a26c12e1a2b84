#include "kernels/gradient_kernels.h"

#include <array>
#include <bit>

#include "kernels/target_clones.h"

namespace trireme {
namespace {

// A float is infinite or not a number when all bits of its exponent are set.
template <typename Bits, Bits Exponent>
inline __attribute__((always_inline)) bool copy_finite(const void* from, void* to, std::int64_t elements) {
  const auto* __restrict source = static_cast<const Bits*>(from);
  auto* __restrict target = static_cast<Bits*>(to);
  Bits found = 0;
  for (std::int64_t i = 0; i < elements; ++i) {
    const Bits value = source[i];
    target[i] = value;
    found |= static_cast<Bits>((value & Exponent) == Exponent);
  }
  return found == 0;
}

constexpr std::int64_t kLanes = 16;

template <typename Value, typename Load>
inline __attribute__((always_inline)) double sum_of_squares(const void* values, std::int64_t elements, Load load) {
  const auto* source = static_cast<const Value*>(values);
  std::array<double, kLanes> sums{};
  std::int64_t i = 0;
  for (; i + kLanes <= elements; i += kLanes) {
    for (std::int64_t lane = 0; lane < kLanes; ++lane) {
      const double value = load(source[i + lane]);
      sums[static_cast<std::size_t>(lane)] += value * value;
    }
  }
  for (std::int64_t lane = 0; i < elements; ++i, ++lane) {
    const double value = load(source[i]);
    sums[static_cast<std::size_t>(lane)] += value * value;
  }
  double total = 0;
  for (const auto sum : sums) total += sum;
  return total;
}

}  // namespace

TRIREME_TARGET_CLONES bool copy_finite_float(const void* from, void* to, std::int64_t elements) {
  return copy_finite<std::uint32_t, 0x7F800000U>(from, to, elements);
}

TRIREME_TARGET_CLONES bool copy_finite_bf16(const void* from, void* to, std::int64_t elements) {
  return copy_finite<std::uint16_t, 0x7F80U>(from, to, elements);
}

TRIREME_TARGET_CLONES bool copy_finite_half(const void* from, void* to, std::int64_t elements) {
  return copy_finite<std::uint16_t, 0x7C00U>(from, to, elements);
}

TRIREME_TARGET_CLONES double sum_of_squares_float(const void* values, std::int64_t elements) {
  return sum_of_squares<float>(values, elements, [](float value) { return static_cast<double>(value); });
}

TRIREME_TARGET_CLONES double sum_of_squares_bf16(const void* values, std::int64_t elements) {
  return sum_of_squares<std::uint16_t>(values, elements, [](std::uint16_t bits) {
    return static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16));
  });
}

}  // namespace trireme
