#include "parallel/bucket_plan.h"

#include <gtest/gtest.h>

namespace trireme {
namespace {

std::vector<std::vector<std::size_t>> items_of(const std::vector<BucketLayout>& buckets) {
  std::vector<std::vector<std::size_t>> result;
  for (const auto& bucket : buckets) {
    result.emplace_back();
    for (const auto& place : bucket.places) result.back().push_back(place.item);
  }
  return result;
}

using Items = std::vector<std::vector<std::size_t>>;

TEST(BucketPlan, TakesParametersInReverseOrder) {
  EXPECT_EQ(items_of(plan_buckets({{16}, {16}, {16}}, {.first_bytes = 1000, .bytes = 1000})), (Items{{2, 1, 0}}));
}

TEST(BucketPlan, FollowsTheOrderInWhichGradientsCome) {
  const auto buckets = plan_buckets({{16}, {16}, {16}, {16}}, {2, 0, 3}, {.first_bytes = 64, .bytes = 1000});
  EXPECT_EQ(items_of(buckets), (Items{{2}, {0, 3}})) << "an item outside the order gets no place";
}

TEST(BucketPlan, MakesTheFirstBucketSmall) {
  const auto buckets = plan_buckets({{16}, {16}, {16}, {16}}, {.first_bytes = 64, .bytes = 1000});
  EXPECT_EQ(items_of(buckets), (Items{{3}, {2, 1, 0}}));
}

TEST(BucketPlan, PutsOversizedParameterInItsOwnBucket) {
  const auto buckets = plan_buckets({{16}, {1000}, {16}}, {.first_bytes = 128, .bytes = 128});
  EXPECT_EQ(items_of(buckets), (Items{{2}, {1}, {0}}));
}

TEST(BucketPlan, KeepsKindsApart) {
  const auto buckets = plan_buckets({{16, 4, 0}, {16, 2, 1}, {16, 4, 0}}, {.first_bytes = 1000, .bytes = 1000});
  EXPECT_EQ(items_of(buckets), (Items{{2}, {1}, {0}}));
  EXPECT_EQ(buckets[1].kind, 1);
}

TEST(BucketPlan, KeepsUnitsApart) {
  const auto buckets =
      plan_buckets({{16, 4, 0, 0}, {16, 4, 0, 1}, {16, 4, 0, 1}}, {.first_bytes = 1000, .bytes = 1000});
  EXPECT_EQ(items_of(buckets), (Items{{2, 1}, {0}}));
  EXPECT_EQ(buckets[0].unit, 1);
}

TEST(BucketPlan, StartsEveryPlaceOnACacheLine) {
  const auto buckets = plan_buckets({{3}, {17}, {1}}, {.first_bytes = 1000, .bytes = 1000});
  ASSERT_EQ(buckets.size(), 1U);
  EXPECT_EQ(buckets[0].places[1].offset, 32);
  EXPECT_EQ(buckets[0].places[2].offset, 64);
  EXPECT_EQ(buckets[0].elements, 96);
}

TEST(BucketPlan, PadsBucketsToEqualBlocks) {
  const auto buckets = plan_buckets({{40}, {3}}, {.first_bytes = 1000, .bytes = 1000, .shards = 3});
  ASSERT_EQ(buckets.size(), 1U);
  EXPECT_EQ(buckets[0].elements, 96);
  EXPECT_EQ(plan_buckets({{100}}, {.shards = 3})[0].elements, 192);
}

TEST(PartsOfShard, CutsParametersAtTheBordersOfBlocks) {
  const auto bucket = plan_buckets({{70}, {3}}, {.shards = 2})[0];  // 3 at 0, 70 at 32, 128 in all
  EXPECT_EQ(parts_of_shard(bucket, 2, 0), (std::vector<PartPlace>{{1, 0, 0, 3}, {0, 0, 32, 32}}));
  EXPECT_EQ(parts_of_shard(bucket, 2, 1), (std::vector<PartPlace>{{0, 32, 64, 38}}));
}

TEST(PartsOfShard, CoversEveryElementOnce) {
  const std::vector<BucketItem> items{{1}, {0}, {500}, {77}, {33}};
  for (int shards = 1; shards <= 7; ++shards) {
    std::vector<std::int64_t> covered(items.size());
    for (const auto& bucket : plan_buckets(items, {.first_bytes = 100, .bytes = 600, .shards = shards})) {
      for (int shard = 0; shard < shards; ++shard) {
        for (const auto& part : parts_of_shard(bucket, shards, shard)) {
          EXPECT_EQ(part.item_offset, covered[part.item]);
          covered[part.item] += part.elements;
        }
      }
    }
    for (std::size_t i = 0; i < items.size(); ++i) EXPECT_EQ(covered[i], items[i].elements) << shards << " shards";
  }
}

TEST(BucketPlan, HoldsEmptyParametersAndNone) {
  EXPECT_TRUE(plan_buckets({}, {}).empty());
  EXPECT_EQ(items_of(plan_buckets({{0}, {5}}, {})), (Items{{1, 0}}));
}

}  // namespace
}  // namespace trireme
