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

TEST(BucketPlan, StartsEveryPlaceOnACacheLine) {
  const auto buckets = plan_buckets({{3}, {17}, {1}}, {.first_bytes = 1000, .bytes = 1000});
  ASSERT_EQ(buckets.size(), 1U);
  EXPECT_EQ(buckets[0].places[1].offset, 16);
  EXPECT_EQ(buckets[0].places[2].offset, 48);
  EXPECT_EQ(buckets[0].elements, 64);
}

TEST(BucketPlan, HoldsEmptyParametersAndNone) {
  EXPECT_TRUE(plan_buckets({}, {}).empty());
  EXPECT_EQ(items_of(plan_buckets({{0}, {5}}, {})), (Items{{1, 0}}));
}

}  // namespace
}  // namespace trireme
