#include <gmock/gmock.h>

#include "trireme/base/error.h"
#include "zero/shard_groups.h"

namespace trireme {
namespace {

std::vector<RankPlace> nodes_of(const std::vector<int>& ranks) {
  std::vector<RankPlace> places;
  for (std::size_t node = 0; node < ranks.size(); ++node) {
    for (int local = 0; local < ranks[node]; ++local) places.push_back({std::to_string(node), local, ranks[node]});
  }
  return places;
}

constexpr ShardWishes kZero1{.zero = Zero::kOptimizer};

TEST(ShardLayout, SharesOnOneNode) {
  const auto layout = choose_shard_layout(nodes_of({4}), kZero1);
  EXPECT_TRUE(layout.shared);
  EXPECT_TRUE(layout.by_node);
  EXPECT_FALSE(layout.across_shards);
}

TEST(ShardLayout, ShardsAcrossNodesThatShareInside) {
  const auto layout = choose_shard_layout(nodes_of({2, 2}), kZero1);
  EXPECT_TRUE(layout.shared);
  EXPECT_TRUE(layout.across_shards);
}

TEST(ShardLayout, KeepsASetOfShardsOnEachNodeWhenAsked) {
  auto wishes = kZero1;
  wishes.over = ShardOver::kNode;
  const auto shared = choose_shard_layout(nodes_of({2, 2}), wishes);
  EXPECT_TRUE(shared.shared && shared.by_node && !shared.across_shards);
  wishes.sharing = Sharing::kOff;
  const auto apart = choose_shard_layout(nodes_of({2, 2}), wishes);
  EXPECT_TRUE(!apart.shared && apart.by_node && !apart.across_shards);
  EXPECT_THROW((void)choose_shard_layout(nodes_of({2, 1}), wishes), ConfigError);
}

TEST(ShardLayout, SaysWhyNothingIsShared) {
  EXPECT_EQ(choose_shard_layout(nodes_of({1, 1}), kZero1).reason, "there is one rank on each node");
  EXPECT_EQ(choose_shard_layout(nodes_of({2, 1}), kZero1).reason, "the nodes have unequal numbers of ranks");
  auto wishes = kZero1;
  wishes.can_share_memory = false;
  EXPECT_EQ(choose_shard_layout(nodes_of({2}), wishes).reason, "the backend's ranks share no memory");
  wishes.zero = Zero::kOff;
  EXPECT_FALSE(choose_shard_layout(nodes_of({2}), wishes).shared);
}

TEST(ShardLayout, RefusesASharingThatCannotBe) {
  auto wishes = kZero1;
  wishes.sharing = Sharing::kOn;
  try {
    (void)choose_shard_layout(nodes_of({2, 1}), wishes);
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("unequal numbers of ranks"));
  }
}

}  // namespace
}  // namespace trireme
