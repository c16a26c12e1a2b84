#include <gtest/gtest.h>

#include <mutex>

#include "training/odd_net.h"
#include "training/thread_context.h"

// Data parallel training against the two references: (a) the ranks' batches one by one, gradients added in rank order,
// equal bit for bit; (b) whole batches in one process, within a tolerance.
namespace trireme::test {
namespace {

std::vector<TrialResult> train_on_threads(const Trial& trial) {
  std::vector<TrialResult> results(static_cast<std::size_t>(trial.ranks));
  run_thread_contexts(trial.ranks, [&](TrainContext& context) {
    results[static_cast<std::size_t>(context.rank())] = train_with_trireme(context, trial);
  });
  return results;
}

class Parity : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Ranks, Parity, testing::Values(1, 2, 3, 4),
                         [](const auto& ranks) { return std::to_string(ranks.param); });

TEST_P(Parity, EqualsRankByRankTrainingBitForBit) {
  const Trial trial{.ranks = GetParam()};
  const auto expected = train_rank_by_rank(trial);
  for (const auto& result : train_on_threads(trial)) EXPECT_EQ(difference(expected, result), "");
}

TEST_P(Parity, EqualsRankByRankTrainingWhenRanksUseDifferentParameters) {
  const Trial trial{.ranks = GetParam(),
                    .gate = [](std::int64_t step, int rank) { return step % 3 != 0 && rank == step % 2; }};
  const auto expected = train_rank_by_rank(trial);
  for (const auto& result : train_on_threads(trial)) EXPECT_EQ(difference(expected, result), "");
}

TEST_P(Parity, StaysCloseToTrainingOnWholeBatches) {
  const Trial trial{.ranks = GetParam()};
  const auto expected = train_rank_by_rank({.ranks = 1});
  const auto result = train_on_threads(trial).front();
  for (std::size_t i = 0; i < expected.losses.size(); ++i) EXPECT_NEAR(result.losses[i], expected.losses[i], 1e-4);
  EXPECT_LT(largest_parameter_difference(expected, result), 1e-3);
  EXPECT_LT(result.losses.back(), result.losses.front());
}

TEST_P(Parity, HoldsWhenSomeRanksHaveNoSamples) {
  const Trial trial{.ranks = GetParam(), .rows = 2};
  const auto expected = train_rank_by_rank(trial);
  for (const auto& result : train_on_threads(trial)) EXPECT_EQ(difference(expected, result), "");
}

TEST(ParityOfParameters, LeavesFrozenAndUnusedOnesAlone) {
  const auto before = train_rank_by_rank({.steps = 0});
  const auto after = train_on_threads({.ranks = 2}).front();
  for (const auto* name : {"frozen.weight", "frozen.bias", "unused.weight", "unused.bias"}) {
    EXPECT_TRUE(at::equal(before.parameters.at(name), after.parameters.at(name))) << name;
  }
  EXPECT_TRUE(at::equal(after.parameters.at("embedding"), after.parameters.at("output")));
}

}  // namespace
}  // namespace trireme::test
