#include "training_rate.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>

#include "trireme/collectives/single.h"

namespace trireme {
namespace {

TEST(TrainingRate, WarmsUpThenFallsToATenth) {
  const Schedule rate = training_rate({1.0, 10, 100}, std::make_shared<TimeBudget>(std::nullopt));
  EXPECT_NEAR(rate(0), 0.1, 1e-3);
  EXPECT_GT(rate(9), 0.95);
  EXPECT_NEAR(rate(50), 0.55, 1e-9);
  EXPECT_NEAR(rate(100), 0.1, 1e-9);
  for (int step = 10; step < 100; ++step) EXPECT_GT(rate(step), rate(step + 1));
}

TEST(TrainingRate, IsAtItsEndWhenTheTimeIsUp) {
  const auto budget = std::make_shared<TimeBudget>(1e-9);
  TrainContext context(RankEnvironment{}, collectives::make_single());
  const Schedule rate = training_rate({1.0, 0, 1'000'000}, budget);
  EXPECT_NEAR(rate(1), 1.0, 1e-6);
  budget->update(context);
  EXPECT_EQ(budget->used(), 1.0);
  EXPECT_NEAR(rate(1), 0.1, 1e-9);
}

}  // namespace
}  // namespace trireme
