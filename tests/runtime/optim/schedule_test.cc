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

TEST(Schedule, FallsStraight) {
  const auto rate = warmup_linear({.peak = 1, .warmup_steps = 2, .until = 10, .minimum = 0.2});
  EXPECT_DOUBLE_EQ(rate(0), 0.5);
  EXPECT_DOUBLE_EQ(rate(2), 1);
  EXPECT_DOUBLE_EQ(rate(6), 0.6);
  EXPECT_DOUBLE_EQ(rate(10), 0.2);
  EXPECT_DOUBLE_EQ(rate(99), 0.2);
}

TEST(Schedule, StaysStableBeforeItDecays) {
  WarmupStableDecay shape{.peak = 1, .warmup_steps = 2, .decay_steps = 4, .until = 10, .minimum = 0.2};
  const auto rate = warmup_stable_decay(shape);
  EXPECT_DOUBLE_EQ(rate(0), 0.5);
  EXPECT_DOUBLE_EQ(rate(2), 1);
  EXPECT_DOUBLE_EQ(rate(6), 1);
  EXPECT_DOUBLE_EQ(rate(8), 0.6);
  EXPECT_DOUBLE_EQ(rate(10), 0.2);
  shape.decay = DecayShape::kOneMinusSquareRoot;
  EXPECT_DOUBLE_EQ(warmup_stable_decay(shape)(7), 0.6);
  shape.decay_steps = 0;
  EXPECT_DOUBLE_EQ(warmup_stable_decay(shape)(1000), 1);
}

TEST(Schedule, RefusesShapesThatMakeNoSense) {
  EXPECT_THROW(static_cast<void>(warmup_linear({.warmup_steps = 10, .until = 10})), ConfigError);
  EXPECT_THROW(static_cast<void>(warmup_stable_decay({.warmup_steps = 6, .decay_steps = 5, .until = 10})), ConfigError);
  EXPECT_THROW(static_cast<void>(warmup_stable_decay({.decay_steps = -1, .until = 10})), ConfigError);
  EXPECT_THROW(static_cast<void>(warmup_cosine({.warmup_steps = 10, .until = 10})), ConfigError);
  EXPECT_THROW(static_cast<void>(warmup_cosine({.warmup_steps = -1, .until = 10})), ConfigError);
  EXPECT_THROW(static_cast<void>(warmup_cosine({.peak = 1, .until = 10, .minimum = 2})), ConfigError);
}

}  // namespace
}  // namespace trireme
