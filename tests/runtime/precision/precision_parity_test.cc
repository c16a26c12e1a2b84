#include <gtest/gtest.h>

#include "training/trial.h"

// Training in bf16 and fp16 against the ranks' batches one by one with masters kept by the test: equal bit for bit.
namespace trireme::test {
namespace {

void expect_equal_on_all_ranks(const Trial& trial) {
  SCOPED_TRACE(describe(trial));
  const auto expected = train_rank_by_rank(trial);
  for (const auto& result : train_on_threads(trial)) EXPECT_EQ(difference(expected, result), "");
}

// At every stage, with and without sharing.
void expect_equal_at_every_stage(Trial trial) {
  for (const auto zero : {Zero::kOff, Zero::kOptimizer, Zero::kGradients, Zero::kParameters}) {
    trial.zero = zero;
    trial.sharing = Sharing::kOff;
    expect_equal_on_all_ranks(trial);
    if (zero == Zero::kOff || trial.ranks == 1) continue;
    trial.sharing = Sharing::kOn;
    expect_equal_on_all_ranks(trial);
  }
}

class PrecisionParity : public testing::TestWithParam<Precision> {};
INSTANTIATE_TEST_SUITE_P(Precisions, PrecisionParity, testing::Values(Precision::kBf16, Precision::kFp16),
                         [](const auto& setting) { return to_string(setting.param); });

TEST_P(PrecisionParity, EqualsRankByRankTrainingWithMasters) {
  for (const int ranks : {1, 2, 3, 4})
    expect_equal_at_every_stage({.ranks = ranks, .steps = 3, .precision = GetParam()});
}

TEST_P(PrecisionParity, EqualsRankByRankTrainingWithAccumulation) {
  for (const int ranks : {1, 2, 3, 4}) {
    expect_equal_at_every_stage({.ranks = ranks, .steps = 2, .precision = GetParam(), .accumulation = 3});
  }
}

// The first scale overflows in fp16, the next one does not.
TEST(LossScaleParity, EqualsRankByRankTrainingThatSkipsTheSameSteps) {
  const LossScale scale{.initial = 16777216, .backoff = 1.0 / 4096};
  const Trial trial{.ranks = 2, .steps = 4, .precision = Precision::kFp16, .loss_scale = scale};
  expect_equal_at_every_stage(trial);
  auto fewer = trial;
  fewer.steps = 0;
  const auto start = train_rank_by_rank(fewer);
  fewer.steps = 1;
  EXPECT_EQ(largest_parameter_difference(start, train_rank_by_rank(fewer)), 0);
  EXPECT_GT(largest_parameter_difference(start, train_rank_by_rank(trial)), 0);
}

TEST(PrecisionParityOfOtherModels, EqualsRankByRankTraining) {
  for (const auto net : {Net::kPlain, Net::kRecurrent, Net::kBatchNorm}) {
    Trial trial{.ranks = 2, .steps = 2, .rows = 9, .precision = Precision::kBf16, .accumulation = 2};
    trial.net = net;
    expect_equal_at_every_stage(trial);
  }
}

TEST_P(PrecisionParity, EqualsRankByRankTrainingWithGradientsReducedInAnotherType) {
  Trial trial{.ranks = 3, .steps = 2, .accumulation = 2};
  trial.precision = GetParam();
  trial.reduce_dtype = Precision::kFloat32;
  expect_equal_at_every_stage(trial);
  std::swap(trial.precision, *trial.reduce_dtype);
  expect_equal_at_every_stage(trial);
}

}  // namespace
}  // namespace trireme::test
