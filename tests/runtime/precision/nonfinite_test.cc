#include "precision/nonfinite.h"

#include <gmock/gmock.h>

#include "precision/nonfinite_policy.h"
#include "support/thrown_text.h"
#include "trireme/base/error.h"

namespace trireme {
namespace {

using test::text_thrown_by;
using testing::AllOf;
using testing::HasSubstr;

TEST(Nonfinite, TravelsBetweenRanks) {
  for (const NonfiniteSight& sight :
       {NonfiniteSight{}, NonfiniteSight{true, "", 0}, NonfiniteSight{false, "a b.c", 7}}) {
    EXPECT_EQ(decode_sight(encode(sight)), sight);
  }
}

TEST(Nonfinite, NamesTheGradientThatCameEarliest) {
  EXPECT_EQ(describe_nonfinite({{}, {false, "late", 5}, {}, {false, "early", 2}}),
            "the gradient of early is not finite, from rank 1, 3");
}

TEST(Nonfinite, NamesTheLossWhenItWasTheFirst) {
  EXPECT_EQ(describe_nonfinite({{false, "head.weight", 0}, {true, "head.weight", 0}}),
            "the loss is not finite, from rank 1");
}

TEST(Nonfinite, NamesTheSumWhenAllRanksWereFinite) {
  EXPECT_EQ(describe_nonfinite({{}, {}}),
            "the norm of the gradients overflowed, from the sum over the ranks, each of which had finite values");
}

const std::vector<NonfiniteSight> kRankOne{{}, {false, "w", 0}};

TEST(NonfinitePolicy, SaysWhatBecomesOfTheLossScale) {
  NonfinitePolicy policy(LossScale{.initial = 1024, .least = 512}, 0);
  EXPECT_EQ(policy.explain(kRankOne),
            "the gradient of w is not finite, from rank 1, at loss scale 1024, which falls to 512");
  policy.end_step(true);
  EXPECT_EQ(policy.loss_scale(), 512);
  EXPECT_EQ(policy.explain(kRankOne),
            "the gradient of w is not finite, from rank 1, at loss scale 512, in 2 steps in a row since step 1");
}

TEST(NonfinitePolicy, CountsSkipsInARowFromTheLastGoodStep) {
  NonfinitePolicy policy(std::nullopt, 3);
  for (const bool skips : {true, false, true}) policy.end_step(skips);
  EXPECT_THAT(policy.explain(kRankOne), HasSubstr("in 2 steps in a row since step 3"));
  policy.end_step(true);
  EXPECT_THAT(text_thrown_by<NonfiniteError>([&] { (void)policy.explain(kRankOne); }),
              AllOf(HasSubstr("Step 5"), HasSubstr("the gradient of w"), HasSubstr("3 steps in a row since step 3")));
}

TEST(NonfinitePolicy, ThrowsAtOnceWhenNoSkipIsAllowed) {
  EXPECT_THROW((void)NonfinitePolicy(std::nullopt, 1).explain(kRankOne), NonfiniteError);
}

TEST(NonfinitePolicy, GoesOnFromACheckpoint) {
  NonfinitePolicy first(LossScale{}, 0);
  for (const bool skips : {false, true}) first.end_step(skips);
  NonfinitePolicy second(LossScale{}, 0);
  second.load_scalars(first.scalars());
  EXPECT_EQ(second.loss_scale(), 32768);
  second.end_step(true);
  EXPECT_THAT(second.explain(kRankOne), HasSubstr("since step 3")) << "the streak is not kept, the steps are";
  EXPECT_THROW(second.load_scalars({{"parallel.steps", "few"}}), CheckpointError);
}

TEST(NonfinitePolicy, RefusesANegativeLimit) { EXPECT_THROW(NonfinitePolicy(std::nullopt, -1), ConfigError); }

}  // namespace
}  // namespace trireme
