#include <gmock/gmock.h>
#include <torch/torch.h>

#include <limits>

#include "training/odd_net.h"
#include "training/thread_context.h"
#include "training/trial.h"
#include "trireme/base/error.h"
#include "trireme/collectives/single.h"
#include "trireme/runtime/adamw.h"

namespace trireme::test {
namespace {

using testing::HasSubstr;

TrainContext& make_single_context(std::optional<TrainContext>& context) {
  return context.emplace(one_node_environment(0, 1), collectives::make_single());
}

template <typename Act>
std::string message_of(Act act) {
  try {
    act();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "no error";
}

std::shared_ptr<torch::nn::LinearImpl> linear(std::int64_t in, std::int64_t out) {
  return std::make_shared<torch::nn::LinearImpl>(in, out);
}

TEST(Parallel, TakesInitialValuesFromRankZero) {
  run_thread_contexts(3, [](TrainContext& context) {
    auto model = linear(5, 3);
    torch::NoGradGuard no_grad;
    for (auto& parameter : model->parameters()) parameter.fill_(context.rank() + 1);
    Parallel parallel(model, context);
    for (const auto& parameter : model->parameters()) EXPECT_TRUE(at::equal(parameter, at::ones_like(parameter)));
  });
}

TEST(Parallel, NamesTheParameterInWhichModelsDiffer) {
  run_thread_contexts(2, [](TrainContext& context) {
    const auto text = message_of([&] { Parallel parallel(linear(5, 3 + context.rank()), context); });
    EXPECT_THAT(text, HasSubstr("rank 0 has \"weight [3, 5] Float\" where rank 1 has \"weight [4, 5] Float\""));
  });
}

TEST(Parallel, RefusesAModelWithNothingToTrain) {
  std::optional<TrainContext> context;
  auto model = linear(2, 2);
  for (auto& parameter : model->parameters()) parameter.requires_grad_(false);
  EXPECT_THROW(Parallel(model, make_single_context(context)), ConfigError);
}

TEST(Parallel, AccumulatesUnderNoSyncAndReducesOnce) {
  run_thread_contexts(2, [](TrainContext& context) {
    auto model = linear(3, 2);
    Parallel parallel(model, context);
    const auto input = torch::ones({1, 3}) * (context.rank() + 1);
    {
      const auto guard = parallel.no_sync();
      parallel.backward(parallel(input).sum(), 1);
      EXPECT_TRUE(at::equal(model->bias.grad(), torch::ones({2})));
    }
    const auto before = parallel.last_collective().sequence;
    parallel.backward(parallel(input * 10).sum(), 1);
    EXPECT_EQ(before, 0U);
    EXPECT_TRUE(at::equal(model->bias.grad(), torch::full({2}, 4.0)));
    EXPECT_TRUE(at::equal(model->weight.grad(), torch::full({2, 3}, 33.0)));
  });
}

TEST(Parallel, RefusesToAddToGradientsThatAreSumsAlready) {
  std::optional<TrainContext> context;
  Parallel parallel(linear(2, 2), make_single_context(context));
  parallel.backward(parallel(torch::ones({1, 2})).sum());
  EXPECT_THAT(message_of([&] { parallel.backward(parallel(torch::ones({1, 2})).sum()); }), HasSubstr("zero_grad()"));
  parallel.zero_grad();
  EXPECT_NO_THROW(parallel.backward(parallel(torch::ones({1, 2})).sum()));
}

TEST(Parallel, RefusesAPlainBackwardWhoseGradientsNobodyWouldReduce) {
  std::optional<TrainContext> context;
  Parallel parallel(linear(2, 2), make_single_context(context));
  EXPECT_THAT(message_of([&] {
                parallel(torch::ones({1, 2})).sum().backward();
              }),
              HasSubstr("parallel.backward(loss)"));
}

TEST(Parallel, LeavesItsModuleUsableAfterwards) {
  std::optional<TrainContext> context;
  auto model = linear(2, 2);
  { Parallel parallel(model, make_single_context(context)); }
  model->forward(torch::ones({1, 2})).sum().backward();
  EXPECT_TRUE(at::equal(model->bias.grad(), torch::ones({2})));
}

TEST(Parallel, WorksWithAnOptimizerOfLibTorch) {
  run_thread_contexts(2, [](TrainContext& context) {
    auto model = linear(3, 1);
    Parallel parallel(model, context);
    torch::optim::SGD optimizer(model->parameters(), 0.1);
    const auto start = model->bias.detach().clone();
    for (int step = 0; step < 2; ++step) {
      optimizer.zero_grad();
      parallel.backward(parallel(torch::ones({1, 3})).sum());
      optimizer.step();
    }
    EXPECT_TRUE(at::allclose(model->bias, start - 0.2));
  });
}

TEST(Parallel, GivesNoGradientToParametersThatNoRankUsed) {
  run_thread_contexts(2, [](TrainContext& context) {
    auto model = std::make_shared<OddNet>();
    Parallel parallel(model, context);
    const Trial trial{.ranks = 2};
    const auto batch = share_of_batch(trial, 0, context.rank());
    parallel.backward(parallel(batch.inputs, batch.targets, context.rank() == 1));
    const auto parameters = model->named_parameters();
    EXPECT_FALSE(parameters["unused.weight"].grad().defined());
    EXPECT_FALSE(parameters["frozen.weight"].grad().defined());
    EXPECT_TRUE(parameters["gate.weight"].grad().defined());
    EXPECT_GT(parameters["gate.weight"].grad().abs().max().item<float>(), 0);
  });
}

TEST(Parallel, SharesTheWritingOfCheckpointsAmongRanks) {
  std::vector<std::int64_t> owned(3);
  std::int64_t all = 0;
  run_thread_contexts(3, [&](TrainContext& context) {
    Parallel parallel(std::make_shared<OddNet>(), context);
    for (const auto& slice : parallel.tensor_slices()) {
      EXPECT_EQ(slice.values.dim(), 1);
      if (slice.is_owner) owned[static_cast<std::size_t>(context.rank())] += slice.values.numel();
      if (context.rank() == 0) all += slice.values.numel();
    }
  });
  EXPECT_EQ(owned[0] + owned[1] + owned[2], all);
  for (const auto elements : owned) EXPECT_NEAR(static_cast<double>(elements), static_cast<double>(all) / 3, 4);
}

TEST(NonfiniteGradient, SkipsTheStepOnAllRanksAndNamesParameterAndRank) {
  run_thread_contexts(3, [](TrainContext& context) {
    auto model = linear(2, 2);
    Parallel parallel(model, context);
    AdamW optimizer(parallel, {});
    const auto start = model->weight.detach().clone();
    const auto output = parallel(torch::ones({1, 2}));
    if (context.rank() == 1) {
      output.register_hook(
          [](const at::Tensor& gradient) { return gradient * std::numeric_limits<float>::infinity(); });
    }
    parallel.backward(output.sum());
    const auto report = optimizer.step();
    EXPECT_TRUE(report.skipped);
    EXPECT_EQ(report.reason, "the gradient of bias is not finite, from rank 1");
    EXPECT_TRUE(at::equal(model->weight, start));
  });
}

}  // namespace
}  // namespace trireme::test
