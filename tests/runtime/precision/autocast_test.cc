#include "trireme/runtime/autocast.h"

#include <ATen/autocast_mode.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <stdexcept>

#include "trireme/base/error.h"

namespace trireme::test {
namespace {

at::ScalarType product_dtype() { return torch::ones({2, 2}).matmul(torch::ones({2, 2})).scalar_type(); }

TEST(Autocast, RunsProductsInTheGivenTypeAndEndsWithItsScope) {
  for (const auto precision : {Precision::kBf16, Precision::kFp16}) {
    {
      const Autocast guard(precision);
      EXPECT_EQ(product_dtype(), dtype_of(precision));
    }
    EXPECT_EQ(product_dtype(), at::kFloat);
  }
}

TEST(Autocast, Nests) {
  const Autocast outer(Precision::kBf16);
  {
    const Autocast off(Precision::kFloat32);
    EXPECT_EQ(product_dtype(), at::kFloat);
    const Autocast inner(Precision::kFp16);
    EXPECT_EQ(product_dtype(), at::kHalf);
  }
  EXPECT_EQ(product_dtype(), at::kBFloat16);
}

TEST(Autocast, PutsEverythingBackWhenAnExceptionPasses) {
  const auto dtype = at::autocast::get_autocast_dtype(at::kCPU);
  try {
    const Autocast guard(Precision::kFp16);
    throw std::runtime_error("in the forward pass");
  } catch (const std::runtime_error&) {
    EXPECT_FALSE(at::autocast::is_autocast_enabled(at::kCPU));
    EXPECT_EQ(at::autocast::get_autocast_dtype(at::kCPU), dtype);
  }
}

TEST(Autocast, ForgetsRoundedParametersAtTheEndOfTheOutermostGuard) {
  auto weight = torch::ones({2, 2}, torch::requires_grad());
  const auto first_element = [&] {
    const Autocast guard(Precision::kBf16);
    return torch::ones({1, 2}).matmul(weight)[0][0].item<float>();
  };
  EXPECT_EQ(first_element(), 2);
  {
    torch::NoGradGuard no_grad;
    weight.fill_(3);
  }
  EXPECT_EQ(first_element(), 6);
}

TEST(Autocast, LeavesOtherDevicesAlone) {
  const Autocast guard(Precision::kBf16, at::kCUDA);
  EXPECT_TRUE(at::autocast::is_autocast_enabled(at::kCUDA));
  EXPECT_EQ(product_dtype(), at::kFloat);
}

TEST(Autocast, RefusesOtherDevices) { EXPECT_THROW(Autocast(Precision::kBf16, at::kMeta), ConfigError); }

}  // namespace
}  // namespace trireme::test
