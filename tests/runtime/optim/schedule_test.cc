#include "trireme/runtime/schedule.h"

#include <gtest/gtest.h>

#include "trireme/base/error.h"

namespace trireme {
namespace {

TEST(Schedule, IsConstantWhenAskedTo) {
  const auto rate = constant_rate(0.5);
  EXPECT_EQ(rate(0), 0.5);
  EXPECT_EQ(rate(1'000'000), 0.5);
}

TEST(Schedule, RisesLinearlyDuringWarmUp) {
  const auto rate = warmup_cosine({.peak = 1, .warmup_steps = 4, .until = 10});
  EXPECT_DOUBLE_EQ(rate(0), 0.25);
  EXPECT_DOUBLE_EQ(rate(1), 0.5);
  EXPECT_DOUBLE_EQ(rate(3), 1);
  EXPECT_DOUBLE_EQ(rate(4), 1);
}

TEST(Schedule, FallsAlongACosineToTheMinimumAndStaysThere) {
  const auto rate = warmup_cosine({.peak = 1, .warmup_steps = 0, .until = 10, .minimum = 0.2});
  EXPECT_DOUBLE_EQ(rate(0), 1);
  EXPECT_NEAR(rate(5), 0.6, 1e-12);
  EXPECT_GT(rate(4), rate(6));
  EXPECT_DOUBLE_EQ(rate(10), 0.2);
  EXPECT_DOUBLE_EQ(rate(500), 0.2);
}

TEST(Schedule, RefusesShapesThatMakeNoSense) {
  EXPECT_THROW(static_cast<void>(warmup_cosine({.warmup_steps = 10, .until = 10})), ConfigError);
  EXPECT_THROW(static_cast<void>(warmup_cosine({.warmup_steps = -1, .until = 10})), ConfigError);
  EXPECT_THROW(static_cast<void>(warmup_cosine({.peak = 1, .until = 10, .minimum = 2})), ConfigError);
}

}  // namespace
}  // namespace trireme
