#include "api/recent_ranks.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "fake_source.h"

// What the map of ranks begins with.
namespace trireme::launcher {
namespace {

constexpr double kNow = 10'000.5;  // so that seconds end at whole numbers

TEST(RecentRanks, HaveAValueForEachSecond) {
  FakeSource source;
  source.add_point({"r-0001", 1, kNow - 180.2, 4, {{"step_ms", 20}}});
  source.add_point({"r-0001", 1, kNow - 2.6, 5, {{"step_ms", 30.00004}, {"straggler_ms", 3}}});
  source.add_point({"r-0001", 1, kNow - 2.4, 6, {{"step_ms", 40}}});
  const auto found = recent_ranks(source, {.run_id = "r-0001", .ranks = 2}, 0, kNow);
  EXPECT_EQ(found.at("begin"), 9820);
  ASSERT_EQ(found.at("step_ms").size(), 2U);
  for (const auto& value : found.at("step_ms").at(0)) EXPECT_TRUE(value.is_null());
  const auto& steps = found.at("step_ms").at(1);
  ASSERT_EQ(steps.size(), 180U);
  EXPECT_EQ(steps.at(0), 20);
  EXPECT_EQ(steps.at(29), 20);
  EXPECT_TRUE(steps.at(30).is_null()) << "a rank that has said nothing for so long";
  EXPECT_EQ(steps.at(177), 30);
  EXPECT_EQ(steps.at(178), 31) << "smoothed";
  EXPECT_EQ(steps.at(179), 31);
  EXPECT_EQ(found.at("straggler_ms").at(1).at(179), 3);
  EXPECT_TRUE(found.at("exposed_ms").at(1).at(179).is_null());
}

TEST(RecentRanks, ComeInParts) {
  FakeSource source;
  const RunView run{.run_id = "r-0001", .ranks = 20};
  EXPECT_EQ(recent_ranks(source, run, 0, kNow).at("step_ms").size(), 16U);
  EXPECT_EQ(recent_ranks(source, run, 16, kNow).at("step_ms").size(), 4U);
  EXPECT_EQ(recent_ranks(source, run, 99, kNow).at("step_ms").size(), 0U);
}

}  // namespace
}  // namespace trireme::launcher
