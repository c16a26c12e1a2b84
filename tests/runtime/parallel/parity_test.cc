#include <gmock/gmock.h>

#include "training/slow_communicator.h"
#include "training/thread_context.h"
#include "training/trial.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"

// Data parallel training against the two references: (a) the ranks' batches one by one, gradients added in rank order,
// equal bit for bit; (b) whole batches in one process, within a tolerance.
namespace trireme::test {
namespace {

struct Setting {
  int ranks;
  Zero zero;
  Sharing sharing;
};

std::string name_of(const testing::TestParamInfo<Setting>& info) {
  const auto& [ranks, zero, sharing] = info.param;
  return message("{}ranks_zero{}{}", ranks, static_cast<int>(zero), sharing == Sharing::kOff ? "" : "_shared");
}

std::vector<Setting> all_settings() {
  std::vector<Setting> settings;
  for (const int ranks : {1, 2, 3, 4}) {
    settings.push_back({ranks, Zero::kOff, Sharing::kOff});
    for (const auto zero : {Zero::kOptimizer, Zero::kGradients, Zero::kParameters}) {
      settings.push_back({ranks, zero, Sharing::kOff});
      if (ranks > 1) settings.push_back({ranks, zero, Sharing::kOn});
    }
  }
  return settings;
}

class Parity : public testing::TestWithParam<Setting> {
 protected:
  [[nodiscard]] static Trial trial() {
    return {.ranks = GetParam().ranks, .zero = GetParam().zero, .sharing = GetParam().sharing};
  }
  [[nodiscard]] static bool gathers_units() {
    return GetParam().zero == Zero::kParameters && GetParam().sharing == Sharing::kOff && GetParam().ranks > 1;
  }
  // Ranks have all parameters, or see those that others wrote.
  [[nodiscard]] static bool gathers() {
    return GetParam().zero != Zero::kOff && GetParam().sharing == Sharing::kOff && GetParam().ranks > 1;
  }
  // A unit that only some ranks run backward cannot be gathered: its rank waits, the others take it for another.
  static void expect_mismatch() {
    auto varied = trial();
    varied.gate = [](std::int64_t, int rank) { return rank == 0; };
    varied.timeout = std::chrono::milliseconds(300);
    run_thread_contexts(varied.ranks, [&](TrainContext& context) {
      EXPECT_THROW((void)train_with_trireme(context, varied), CommError);
    });
  }
  static void expect_equal_on_all_ranks(const Trial& trial, const WrapCommunicator& wrap = {}) {
    SCOPED_TRACE(describe(trial));
    const auto expected = train_rank_by_rank(trial);
    for (const auto& result : train_on_threads(trial, wrap)) {
      EXPECT_EQ(difference(expected, result), "");
      EXPECT_EQ(result.gathered_bytes > 0, gathers());
    }
  }
};
INSTANTIATE_TEST_SUITE_P(Settings, Parity, testing::ValuesIn(all_settings()), name_of);

// One test for all variations: starting a program that links LibTorch takes longer than training.
TEST_P(Parity, EqualsRankByRankTrainingBitForBit) {
  expect_equal_on_all_ranks(trial());

  auto varied = trial();
  varied.gate = [](std::int64_t step, int rank) { return step % 3 != 0 && rank == step % 2; };
  gathers_units() ? expect_mismatch() : expect_equal_on_all_ranks(varied);

  auto accumulated = trial();
  accumulated.accumulation = 3;
  expect_equal_on_all_ranks(accumulated);

  auto few = trial();  // some ranks have no samples
  few.rows = 2;
  expect_equal_on_all_ranks(few);
}

TEST_P(Parity, EqualsRankByRankTrainingOfOtherModels) {
  for (const auto net : {Net::kPlain, Net::kRecurrent, Net::kBatchNorm}) {
    auto other = trial();
    other.net = net;
    other.steps = 8;
    other.rows = 11;
    expect_equal_on_all_ranks(other);
    other.accumulation = 2;
    expect_equal_on_all_ranks(other);
  }
}

// Whatever rank computes or communicates late.
TEST_P(Parity, EqualsRankByRankTrainingWhileRanksRest) {
  auto slow = trial();
  slow.steps = 3;
  slow.sleeps_in_between = true;
  expect_equal_on_all_ranks(slow, [](std::unique_ptr<collectives::Communicator> inner) {
    const int rank = inner->rank();
    return make_slow(std::move(inner), uneven_delays(rank));
  });
}

TEST_P(Parity, StaysCloseToTrainingOnWholeBatches) {
  const auto expected = train_rank_by_rank({.ranks = 1});
  const auto result = train_on_threads(trial()).front();
  for (std::size_t i = 0; i < expected.losses.size(); ++i) EXPECT_NEAR(result.losses[i], expected.losses[i], 1e-4);
  EXPECT_LT(largest_parameter_difference(expected, result), 1e-3);
  EXPECT_LT(result.losses.back(), result.losses.front());
}

// What is gathered once a pass less, or never.
TEST(ParityOfParameters, EqualsRankByRankTrainingWhateverStaysWhole) {
  Trial trial{.ranks = 3, .steps = 6, .zero = Zero::kParameters, .sharing = Sharing::kOff};
  const auto expected = train_rank_by_rank(trial);
  trial.keep_after_forward = true;
  for (const auto& result : train_on_threads(trial)) EXPECT_EQ(difference(expected, result), "");
  trial.whole_below_elements = 60;  // between the sizes of the model's parameters
  for (const auto& result : train_on_threads(trial)) EXPECT_EQ(difference(expected, result), "");
}

TEST(ParityOfParameters, EqualsRankByRankTrainingWhenOptimizersWorkOnHostMemory) {
  for (const auto zero : {Zero::kOff, Zero::kOptimizer, Zero::kGradients, Zero::kParameters}) {
    for (const auto precision : {Precision::kFloat32, Precision::kBf16}) {
      const Trial trial{.ranks = 2, .steps = 6, .zero = zero, .precision = precision, .offload = true};
      SCOPED_TRACE(describe(trial));
      const auto expected = train_rank_by_rank(trial);
      for (const auto& result : train_on_threads(trial)) EXPECT_EQ(difference(expected, result), "");
    }
  }
}

TEST(ParityOfParameters, EqualsRankByRankTrainingWhileParametersCanOnlyBeRead) {
  for (const auto zero : {Zero::kOptimizer, Zero::kGradients, Zero::kParameters}) {
    for (const auto sharing : {Sharing::kOff, Sharing::kOn}) {
      const Trial trial{.ranks = 2, .steps = 6, .zero = zero, .sharing = sharing, .guard_parameters = true};
      SCOPED_TRACE(describe(trial));
      const auto expected = train_rank_by_rank(trial);
      for (const auto& result : train_on_threads(trial)) EXPECT_EQ(difference(expected, result), "");
    }
  }
}

TEST(ParityOfParameters, SaysWhatAModelWithoutUnitsCosts) {
  Trial trial{.ranks = 2, .steps = 1, .zero = Zero::kParameters, .sharing = Sharing::kOff};
  testing::internal::CaptureStderr();
  (void)train_on_threads(trial);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  trial.net = Net::kPlain;
  testing::internal::CaptureStderr();
  (void)train_on_threads(trial);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), testing::HasSubstr("rank=0 event=no_units gathered_mib=0"));
}

TEST(ParityOfParameters, LeavesFrozenAndUnusedOnesAlone) {
  const auto before = train_rank_by_rank({.steps = 0});
  const auto after = train_on_threads({.ranks = 2}).front();
  for (const auto* name : {"frozen.weight", "frozen.bias", "unused.weight", "unused.bias"}) {
    EXPECT_TRUE(at::equal(before.parameters.at(name), after.parameters.at(name))) << name;
  }
  EXPECT_FALSE(after.parameters.contains("output")) << "a tied parameter counts once, under its first name";
}

}  // namespace
}  // namespace trireme::test
