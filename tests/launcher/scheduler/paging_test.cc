#include "scheduler/paging.h"

#include <gtest/gtest.h>

namespace trireme::launcher {
namespace {

TEST(Paging, GivesADefaultAndABound) {
  EXPECT_EQ(page_size(0), 100U);
  EXPECT_EQ(page_size(7), 7U);
  EXPECT_EQ(page_size(1'000'000), 1000U);
  EXPECT_FALSE(page_size(-1));
}

TEST(Paging, TakesOnlyTokensOfTheSameQuestion) {
  const std::string token = page_token("runs failed", "r-0012");
  EXPECT_EQ(page_position(token, "runs failed"), "r-0012");
  EXPECT_FALSE(page_position(token, "runs"));
  EXPECT_FALSE(page_position("r-0012", "runs failed"));
  EXPECT_FALSE(page_position(page_token("runs", ""), "runs"));
}

TEST(Paging, ReadsOnlyStreamTokensThatItWrote) {
  EXPECT_EQ(parse_log_token(log_token(UINT64_MAX)), UINT64_MAX);
  for (const char* bad : {"", "l1-", "l1-x", "l1-01", "l1--1", "l1-18446744073709551616", "l1-1 ", "m1-1-1"}) {
    EXPECT_FALSE(parse_log_token(bad)) << bad;
  }
  const MetricsPlace place{1'763'715'600'000'000, 1'763'715'600'250};
  EXPECT_EQ(parse_metrics_token(metrics_token(place)), place);
  for (const char* bad : {"", "m1-1", "m1-1-", "m1--1", "m1-1-1-1", "l1-1"}) {
    EXPECT_FALSE(parse_metrics_token(bad)) << bad;
  }
}

}  // namespace
}  // namespace trireme::launcher
