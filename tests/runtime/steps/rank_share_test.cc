#include "steps/rank_share.h"

#include <gtest/gtest.h>

#include <array>
#include <limits>

namespace trireme {
namespace {

TEST(RankShare, AveragesTheLossOverSamplesNotRanks) {
  const std::array<RankShare, 2> shares{{{.loss_sum = 3 * 2.0, .samples = 3}, {.loss_sum = 1 * 6.0, .samples = 1}}};
  const auto world = combine(shares, 0);
  EXPECT_DOUBLE_EQ(world.loss, 3);
  EXPECT_DOUBLE_EQ(world.samples, 4);
}

TEST(RankShare, IgnoresTheLossOfARankWithoutSamples) {
  const auto nan = std::numeric_limits<double>::quiet_NaN();
  const std::array<RankShare, 2> shares{{{.loss_sum = 4, .samples = 2}, {.loss_sum = nan, .samples = 0}}};
  EXPECT_DOUBLE_EQ(combine(shares, 0).loss, 2);
}

TEST(RankShare, CountsTheWaitForTheSlowestRank) {
  const std::array<RankShare, 3> shares{{{.busy_ms = 10}, {.busy_ms = 25}, {.busy_ms = 20}}};
  EXPECT_DOUBLE_EQ(combine(shares, 0).straggler_ms, 15);
  EXPECT_DOUBLE_EQ(combine(shares, 1).straggler_ms, 0);
}

TEST(RankShare, StopsAllWhenOneIsAskedTo) {
  const std::array<RankShare, 2> shares{{{}, {.wants_stop = 1}}};
  EXPECT_TRUE(combine(shares, 0).wants_stop);
  EXPECT_TRUE(combine(shares, 1).wants_stop);
}

}  // namespace
}  // namespace trireme
