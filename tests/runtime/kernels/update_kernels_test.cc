#include "kernels/update_kernels.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace trireme {
namespace {

constexpr std::int64_t kElements = 203;  // no multiple of any vector's length

// The arrays of a segment, the same every time.
struct Arrays {
  std::vector<float> values, gradients, first, second;
  Arrays() {
    for (std::int64_t i = 0; i < kElements; ++i) {
      const auto x = static_cast<float>(i);
      values.push_back(std::sin(x));
      gradients.push_back(static_cast<float>(i % 17 - 8) / 4);  // exact in bf16 and fp16
      first.push_back(std::cos(x) / 2);
      second.push_back(0.1F + std::abs(std::sin(x / 3)));
    }
  }
  UpdateSegment segment() {
    return {values.data(), gradients.data(), first.data(), second.data(), kElements, GradientType::kFloat};
  }
  bool operator==(const Arrays&) const = default;
};

std::vector<std::uint16_t> as_bf16(const std::vector<float>& values) {
  std::vector<std::uint16_t> result;
  for (const auto value : values)
    result.push_back(static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(value) >> 16));
  return result;
}

template <typename Step>
class UpdateKernels : public testing::Test {};
using Steps = testing::Types<SgdStep, MomentumStep, AdamStep, LionStep, LambMoments, LambStep, MuonMomentum,
                             DirectionStep, AverageStep>;
TYPED_TEST_SUITE(UpdateKernels, Steps);

TYPED_TEST(UpdateKernels, GiveTheBitsOfTheFormulaHoweverTheTensorIsCut) {
  const TypeParam step;
  Arrays plain;
  for (std::size_t i = 0; i < kElements; ++i) {
    step.apply(plain.gradients[i], plain.values[i], plain.first[i], plain.second[i]);
  }
  EXPECT_NE(plain, Arrays());
  for (const std::int64_t cut : {0, 1, 31, 64, 202}) {
    Arrays cut_up;
    update_elements(cut_up.segment().slice(0, cut), step);
    update_elements(cut_up.segment().slice(cut, kElements), step);
    EXPECT_EQ(cut_up, plain) << "cut at " << cut;
  }
}

TYPED_TEST(UpdateKernels, ReadGradientsOf16Bits) {
  const TypeParam step;
  Arrays expected;
  update_elements(expected.segment(), step);
  Arrays arrays;
  const auto bits = as_bf16(arrays.gradients);
  auto segment = arrays.segment();
  segment.gradients = bits.data();
  segment.type = GradientType::kBf16;
  update_elements(segment, step);
  EXPECT_EQ(arrays, expected);
}

// All numbers of fp16 that tell its parts apart, read by a step that hands them on.
TEST(HalfGradients, AreReadWithSubnormalsAndInfinities) {
  const std::vector<std::uint16_t> bits = {0x0000, 0x8000, 0x0001, 0x83FF, 0x0400, 0x3C00,
                                           0xC000, 0x3555, 0x7BFF, 0xFBFF, 0x7C00, 0xFC00};
  constexpr auto kInfinity = std::numeric_limits<float>::infinity();
  const std::vector<float> expected = {0,     -0.0F,       0x1p-24F, -0x1.FF8p-15F, 0x1p-14F,  1,
                                       -2.0F, 0x1.554p-2F, 65504,    -65504,        kInfinity, -kInfinity};
  std::vector<float> values(bits.size(), 0);
  update_elements(
      {values.data(), bits.data(), nullptr, nullptr, static_cast<std::int64_t>(bits.size()), GradientType::kHalf},
      SgdStep{.gradient_scale = 1, .l2 = 0, .rate = -1});
  EXPECT_EQ(values, expected);
}

}  // namespace
}  // namespace trireme
