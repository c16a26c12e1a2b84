#include "reduce/reduce.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "reduce/half.h"

namespace trireme::collectives {
namespace {

// The 16-bit value nearest to `value` among all of them, found by search; ties go to the even one.
template <typename Widen>
std::uint16_t nearest(float value, Widen widen) {
  std::uint16_t best = 0;
  double best_distance = std::numeric_limits<double>::infinity();
  for (std::uint32_t bits = 0; bits < 0x8000; ++bits) {
    const double candidate = widen(static_cast<std::uint16_t>(bits));
    if (!std::isfinite(candidate)) continue;
    const double distance = std::abs(candidate - value);
    const bool is_even_tie = distance == best_distance && bits % 2 == 0;
    if (distance < best_distance || is_even_tie) {
      best = static_cast<std::uint16_t>(bits);
      best_distance = distance;
    }
  }
  return best;
}

TEST(Half, EveryValueSurvivesWideningAndRounding) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    EXPECT_TRUE(std::isnan(widen_float16(half)) || round_to_float16(widen_float16(half)) == half) << bits;
    EXPECT_TRUE(std::isnan(widen_bfloat16(half)) || round_to_bfloat16(widen_bfloat16(half)) == half) << bits;
  }
}

TEST(Half, RoundsToTheNearestValueAndTiesToEven) {
  for (const float value : {1.0F, 1.00048828125F, 1.0009765625F, 1.00146484375F, 0.1F, 3.14159F, 65503.9F, 6.1e-5F,
                            6.0e-5F, 5.9604645e-8F, 2.9802322e-8F, 2.99e-8F, 1.0e-7F, 0.0F}) {
    EXPECT_EQ(round_to_float16(value), nearest(value, widen_float16)) << value;
  }
  for (const float value : {1.0F, 1.00390625F, 1.01171875F, 0.1F, 3.14159F, 1e30F, 1e-38F, 1e-40F, 0.0F}) {
    EXPECT_EQ(round_to_bfloat16(value), nearest(value, widen_bfloat16)) << value;
  }
}

TEST(Half, OverflowsToInfinityAndKeepsNanAndSign) {
  const float infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(round_to_float16(65519.0F), 0x7bff);
  EXPECT_EQ(round_to_float16(65520.0F), 0x7c00);
  EXPECT_EQ(round_to_float16(-infinity), 0xfc00);
  EXPECT_EQ(round_to_float16(-0.0F), 0x8000);
  EXPECT_EQ(round_to_bfloat16(std::numeric_limits<float>::max()), 0x7f80);
  EXPECT_TRUE(std::isnan(widen_float16(round_to_float16(std::nanf("")))));
  EXPECT_TRUE(std::isnan(widen_bfloat16(round_to_bfloat16(std::nanf("")))));
  EXPECT_EQ(widen_float16(0x7c00), infinity);
}

TEST(Reduction, KeepsSumsOfHalvesInFloatAndRoundsOnce) {
  // 1 + 2^-9 twice: each sum alone rounds back to 1, both together do not.
  std::vector<std::uint16_t> one = {round_to_bfloat16(1.0F)};
  std::vector<std::uint16_t> small = {round_to_bfloat16(0.00390625F)};
  std::uint16_t result = 0;
  reduce_in_order(std::vector<const void*>{one.data(), small.data(), small.data()}, &result, 1, Dtype::kBfloat16,
                  ReduceOp::kSum);
  EXPECT_EQ(widen_bfloat16(result), 1.0078125F);
}

TEST(Reduction, AddsInTheOrderGiven) {
  const float large = 1e8F;
  const float minus = -1e8F;
  const float small = 1;
  float result = 0;
  reduce_in_order(std::vector<const void*>{&large, &minus, &small}, &result, 1, Dtype::kFloat32, ReduceOp::kSum);
  EXPECT_EQ(result, 1);
  reduce_in_order(std::vector<const void*>{&large, &small, &minus}, &result, 1, Dtype::kFloat32, ReduceOp::kSum);
  EXPECT_EQ(result, 0);
}

TEST(Reduction, IntegersWrapAround) {
  const std::int32_t largest = std::numeric_limits<std::int32_t>::max();
  const std::int32_t one = 1;
  std::int32_t result = 0;
  reduce_in_order(std::vector<const void*>{&largest, &one}, &result, 1, Dtype::kInt32, ReduceOp::kSum);
  EXPECT_EQ(result, std::numeric_limits<std::int32_t>::min());
}

TEST(Reduction, SlicesCoverAnyCountWithoutOverlap) {
  for (const std::int64_t count : {std::int64_t{0}, std::int64_t{1}, std::int64_t{5}, std::int64_t{1} << 62}) {
    for (const int ranks : {1, 2, 3, 7, 64}) {
      std::int64_t next = 0;
      for (int owner = 0; owner < ranks; ++owner) {
        const auto slice = slice_of(count, owner, ranks);
        EXPECT_EQ(slice.first, next);
        EXPECT_LE(slice.length, count / ranks + 1);
        next += slice.length;
      }
      EXPECT_EQ(next, count);
    }
  }
}

}  // namespace
}  // namespace trireme::collectives
