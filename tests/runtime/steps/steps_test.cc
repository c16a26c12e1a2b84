#include "trireme/runtime/steps.h"

#include <gmock/gmock.h>
#include <torch/torch.h>

#include <optional>

#include "training/thread_context.h"
#include "trireme/base/error.h"
#include "trireme/collectives/single.h"
#include "trireme/runtime/adamw.h"

namespace trireme::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Batches of `global` rows of ones, shared among the ranks; it counts what it gave.
class Rows final : public BatchSource {
 public:
  Rows(int rank, int ranks, std::int64_t global)
      : samples_(global * (rank + 1) / ranks - global * rank / ranks), global_(global) {}
  Batch next() override {
    ++given;
    return {torch::ones({samples_, 2}), torch::zeros({samples_, 5}), samples_, global_};
  }
  std::vector<TensorSlice> tensor_slices() override { return {}; }
  std::map<std::string, std::string> scalars() const override { return {}; }
  void load_scalars(const std::map<std::string, std::string>&) override {}
  int given = 0;

 private:
  std::int64_t samples_;
  std::int64_t global_;
};

// Notes what the loop asks of it; claims that `start` steps are done.
class NotingKeeper final : public StateKeeper {
 public:
  explicit NotingKeeper(std::int64_t start = 0) : start_(start) {}
  std::int64_t restore(const std::vector<StateSource*>& sources) override {
    sources_seen = sources.size();
    return start_;
  }
  void after_step(std::int64_t finished, bool is_last, const std::vector<StateSource*>&) override {
    steps.push_back(finished);
    if (is_last) last = finished;
  }
  std::vector<std::int64_t> steps;
  std::optional<std::int64_t> last;
  std::size_t sources_seen = 0;

 private:
  std::int64_t start_;
};

struct World {
  explicit World(TrainContext& where, std::int64_t rows = 4)
      : context(where),
        model(std::make_shared<torch::nn::LinearImpl>(2, 1)),
        parallel(model, where),
        optimizer(parallel, {.learning_rate = 0.01}),
        batches(where.rank(), where.world_size(), rows) {}
  at::Tensor loss(const Step& step) { return parallel(step.batch().inputs).square().mean(); }

  TrainContext& context;
  std::shared_ptr<torch::nn::LinearImpl> model;
  Parallel<std::shared_ptr<torch::nn::LinearImpl>> parallel;
  AdamW optimizer;
  Rows batches;
};

class StepsTest : public testing::Test {
 protected:
  TrainContext context_{one_node_environment(0, 1), collectives::make_single()};
};

TEST_F(StepsTest, RunsUntilTheGivenStepAndKeepsEveryOne) {
  World world(context_);
  NotingKeeper keeper;
  double first = 0;
  double last = 0;
  for (auto& step : steps(context_, world.parallel, world.optimizer, world.batches, keeper, {.until = 3})) {
    step.backward(world.loss(step));
    const auto& report = step.update();
    (report.step == 1 ? first : last) = report.loss;
    EXPECT_EQ(report.is_last, report.step == 3);
  }
  EXPECT_THAT(keeper.steps, ElementsAre(1, 2, 3));
  EXPECT_EQ(keeper.last, 3);
  EXPECT_EQ(keeper.sources_seen, 3U);
  EXPECT_EQ(world.batches.given, 3);
  EXPECT_LT(last, first);
}

TEST_F(StepsTest, GoesOnWhereTheKeptStateEnded) {
  World world(context_);
  NotingKeeper keeper(8);
  std::vector<std::int64_t> indices;
  for (auto& step : steps(context_, world.parallel, world.optimizer, world.batches, keeper, {.until = 10})) {
    indices.push_back(step.index());
    step.backward(world.loss(step));
    step.update();
  }
  EXPECT_THAT(indices, ElementsAre(8, 9));
  EXPECT_THAT(keeper.steps, ElementsAre(9, 10));
}

TEST_F(StepsTest, DoesNothingWhenAllStepsAreDone) {
  World world(context_);
  NotingKeeper keeper(10);
  for (auto& step : steps(context_, world.parallel, world.optimizer, world.batches, keeper, {.until = 10})) {
    FAIL() << "step " << step.index();
  }
  EXPECT_EQ(world.batches.given, 0);
}

TEST_F(StepsTest, ReportsToObserversBeforeTheCheckpoint) {
  struct Observer final : StepObserver {
    explicit Observer(const NotingKeeper& kept) : keeper(kept) {}
    void after_step(const StepReport& report) override {
      EXPECT_EQ(static_cast<std::int64_t>(keeper.steps.size()), report.step - 1);
      EXPECT_GT(report.step_ms, 0);
      EXPECT_GT(report.tokens_per_s, report.samples_per_s);
      ++calls;
    }
    const NotingKeeper& keeper;
    int calls = 0;
  };
  World world(context_);
  NotingKeeper keeper;
  Observer observer(keeper);
  for (auto& step : steps(context_, world.parallel, world.optimizer, world.batches, keeper,
                          {.until = 2, .observers = {&observer}})) {
    step.backward(world.loss(step));
    step.update();
  }
  EXPECT_EQ(observer.calls, 2);
}

TEST_F(StepsTest, SaysWhatIsMissingInTheLoop) {
  World world(context_);
  auto range = steps(context_, world.parallel, world.optimizer, world.batches, {.until = 2});
  auto at = range.begin();
  EXPECT_THROW((*at).update(), Error);
  EXPECT_THROW(++at, Error);
  (*at).backward(world.loss(*at));
  (*at).update();
  EXPECT_THROW((*at).backward(torch::zeros({})), Error);
}

TEST_F(StepsTest, AccumulatesPartsOfABatch) {
  World world(context_);
  auto range = steps(context_, world.parallel, world.optimizer, world.batches, {.until = 1});
  auto& step = *range.begin();
  const auto part = [&](std::int64_t first, std::int64_t rows) {
    return world.parallel(step.batch().inputs.narrow(0, first, rows)).square().mean();
  };
  const auto expected = world.loss(step).item<double>();
  {
    const auto guard = world.parallel.no_sync();
    step.backward(part(0, 1), 1);
  }
  step.backward(part(1, 3), 3);
  EXPECT_NEAR(step.update().loss, expected, 1e-6);
}

TEST(StepsOnRanks, AverageTheLossOverSamples) {
  run_thread_contexts(3, [](TrainContext& context) {
    World world(context, 7);
    for (auto& step : steps(context, world.parallel, world.optimizer, world.batches, {.until = 1})) {
      step.backward(torch::full({}, context.rank() + 1.0) + 0 * world.loss(step));
      // Shares of 2, 2 and 3 rows.
      EXPECT_NEAR(step.update().loss, (2 * 1 + 2 * 2 + 3 * 3) / 7.0, 1e-6);
    }
  });
}

TEST(StepsOnRanks, StopTogetherWhenOneIsAskedTo) {
  run_thread_contexts(3, [](TrainContext& context) {
    World world(context);
    NotingKeeper keeper;
    for (auto& step : steps(context, world.parallel, world.optimizer, world.batches, keeper, {.until = 100})) {
      if (context.rank() == 1 && step.index() == 4) context.request_stop();
      step.backward(world.loss(step));
      const auto& report = step.update();
      EXPECT_EQ(report.stopped, report.step == 5);
    }
    EXPECT_EQ(keeper.last, 5);
  });
}

}  // namespace
}  // namespace trireme::test
