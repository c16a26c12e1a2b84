#include "precision/loss_scaler.h"

#include <gtest/gtest.h>

#include "trireme/base/error.h"

namespace trireme {
namespace {

TEST(LossScaler, GrowsAfterEnoughGoodStepsInARow) {
  LossScaler scaler({.initial = 8, .growth = 4, .growth_interval = 3, .most = 64});
  std::vector<double> scales;
  for (const bool overflows : {false, false, true, false, false, false, false, false, false}) {
    scaler.update(overflows);
    scales.push_back(scaler.scale());
  }
  EXPECT_EQ(scales, (std::vector<double>{8, 8, 4, 4, 4, 16, 16, 16, 64}));
  for (int i = 0; i < 3; ++i) scaler.update(false);
  EXPECT_EQ(scaler.scale(), 64) << "it stays below the most";
}

TEST(LossScaler, FallsToTheLeast) {
  LossScaler scaler({.initial = 4, .least = 1.5});
  for (const double expected : {2.0, 1.5, 1.5}) {
    EXPECT_EQ(scaler.scale_after_overflow(), expected);
    scaler.update(true);
    EXPECT_EQ(scaler.scale(), expected);
  }
}

TEST(LossScaler, ForgivesOverflowsUpToItsHysteresisUntilItGrows) {
  LossScaler scaler({.initial = 16, .growth_interval = 2, .hysteresis = 2});
  scaler.update(true);
  EXPECT_EQ(scaler.scale(), 16);
  scaler.update(true);
  EXPECT_EQ(scaler.scale(), 8);
  scaler.update(true);
  EXPECT_EQ(scaler.scale(), 4);
  scaler.update(false);
  scaler.update(false);
  EXPECT_EQ(scaler.scale(), 8);
  scaler.update(true);
  EXPECT_EQ(scaler.scale(), 8);
}

TEST(LossScaler, StaysWhenConstant) {
  LossScaler scaler(constant_loss_scale(128));
  for (const bool overflows : {true, false, true}) scaler.update(overflows);
  EXPECT_EQ(scaler.scale(), 128);
}

TEST(LossScaler, GoesOnFromACheckpoint) {
  const LossScale options{.initial = 0.1 * 1024, .growth_interval = 3};
  LossScaler first(options);
  first.update(true);
  first.update(false);
  LossScaler second(options);
  second.load_scalars(first.scalars());
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(second.scale(), first.scale());
    first.update(false);
    second.update(false);
  }
  EXPECT_EQ(second.scale(), options.initial) << "it grew in the third good step";
  second.load_scalars({{"other", "1"}});
  EXPECT_EQ(second.scale(), options.initial);
  for (const auto* bad : {"", "many", "-1", "nan", "inf", "1x", "1e300"}) {
    EXPECT_THROW(second.load_scalars({{"loss_scale.scale", bad}}), CheckpointError) << bad;
  }
}

TEST(LossScaler, RefusesOptionsOutOfRange) {
  EXPECT_THROW(LossScaler({.initial = 0.5}), ConfigError);
  EXPECT_THROW(LossScaler({.growth = 0.5}), ConfigError);
  EXPECT_THROW(LossScaler({.growth_interval = -1}), ConfigError);
  EXPECT_THROW(LossScaler({.backoff = 0}), ConfigError);
  EXPECT_THROW(LossScaler({.hysteresis = 0}), ConfigError);
  EXPECT_THROW(LossScaler({.least = 0}), ConfigError);
}

}  // namespace
}  // namespace trireme
