#include "trireme/runtime/loss_scale.h"

#include <gmock/gmock.h>
#include <torch/torch.h>

#include <limits>

#include "support/temporary_folder.h"
#include "support/thrown_text.h"
#include "training/thread_context.h"
#include "trireme/runtime/adamw.h"
#include "trireme/runtime/checkpoint.h"

// Scaled losses and gradients that are not finite, injected on one rank.
namespace trireme::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// A model whose first weight's gradient is the input.
struct World {
  World(TrainContext& context, const ParallelOptions& options)
      : parallel(model, context, options), optimizer(parallel, {.learning_rate = 0.25}) {}

  UpdateReport step(float input) {
    parallel.backward(parallel(torch::full({1, 2}, input)).sum());
    const auto report = optimizer.step();
    parallel.zero_grad();
    return report;
  }

  std::shared_ptr<torch::nn::LinearImpl> model = std::make_shared<torch::nn::LinearImpl>(2, 1);
  Parallel<std::shared_ptr<torch::nn::LinearImpl>> parallel;
  AdamW optimizer;
};

TEST(LossScaling, ChangesNoResultWhenTheScaleIsAPowerOfTwo) {
  run_thread_contexts(2, [](TrainContext& context) {
    World scaled(context, {.loss_scale = LossScale{.initial = 1024}});
    World plain(context, {});
    {
      torch::NoGradGuard no_grad;
      scaled.parallel.write_parameters([](const std::string&, at::Tensor& whole) { whole.fill_(0.5); });
      plain.parallel.write_parameters([](const std::string&, at::Tensor& whole) { whole.fill_(0.5); });
    }
    for (const float input : {1.0F, -0.5F})
      EXPECT_EQ(scaled.step(input).gradient_norm, plain.step(input).gradient_norm);
    EXPECT_TRUE(at::equal(scaled.model->weight, plain.model->weight));
  });
}

TEST(LossScaling, SkipsAnOverflowOnAllRanksAndLowersTheScaleOnAll) {
  run_thread_contexts(3, [](TrainContext& context) {
    World world(context, {.loss_scale = LossScale{.initial = 65536, .growth_interval = 2}});
    const auto start = world.model->weight.detach().clone();
    const auto report = world.step(context.rank() == 1 ? 1e38F : 1.0F);
    EXPECT_TRUE(report.skipped);
    EXPECT_THAT(report.reason, AllOf(HasSubstr("weight"), HasSubstr("from rank 1"), HasSubstr("which falls to 32768")));
    EXPECT_TRUE(at::equal(world.model->weight, start));
    EXPECT_EQ(world.parallel.loss_scale(), 32768);
    for (int i = 0; i < 2; ++i) EXPECT_FALSE(world.step(1).skipped);
    EXPECT_EQ(world.parallel.loss_scale(), 65536);
  });
}

TEST(LossScaling, IsKeptInCheckpoints) {
  const TemporaryFolder root;
  const ParallelOptions options{.loss_scale = LossScale{.initial = 64}};
  run_thread_contexts(2, [&](TrainContext& context) {
    World world(context, options);
    world.step(kInfinity);
    Checkpoints(context, (root / "a").string(), {}).save(1, {&world.parallel});
  });
  run_thread_contexts(1, [&](TrainContext& context) {
    World world(context, options);
    Checkpoints(context, (root / "a").string(), {}).load_newest({&world.parallel});
    EXPECT_EQ(world.parallel.loss_scale(), 32);
  });
}

TEST(Nonfinite, IsTracedToTheLossWhereTheLossHadItFirst) {
  run_thread_contexts(2, [](TrainContext& context) {
    World world(context, {});
    EXPECT_EQ(world.step(context.rank() == 1 ? kInfinity : 1).reason, "the loss is not finite, from rank 1");
    EXPECT_FALSE(world.step(1).skipped);
  });
}

TEST(Nonfinite, EndsTheTrainingOnAllRanksAfterTooManySkipsInARow) {
  run_thread_contexts(2, [](TrainContext& context) {
    World world(context, {.throw_after_skips = 2});
    const float input = context.rank() == 0 ? kInfinity : 1;
    for (const float good_or_bad : {1.0F, input, 1.0F, input}) world.step(good_or_bad);
    EXPECT_THAT(text_thrown_by<NonfiniteError>([&] { world.step(input); }),
                AllOf(HasSubstr("Step 5: the loss is not finite, from rank 0"), HasSubstr("since step 4")));
  });
}

TEST(Nonfinite, IsFoundInEveryPrecisionAtEveryStage) {
  for (const auto zero : {Zero::kOff, Zero::kOptimizer, Zero::kGradients, Zero::kParameters}) {
    for (const auto precision : {Precision::kBf16, Precision::kFp16}) {
      SCOPED_TRACE(std::string(to_string(zero)) + " " + to_string(precision));
      run_thread_contexts(2, [&](TrainContext& context) {
        auto model = std::make_shared<torch::nn::LinearImpl>(2, 1);
        Parallel parallel(model, context, {.zero = zero, .precision = precision});
        AdamW optimizer(parallel, {});
        const auto before = parallel.whole_parameter(0);
        auto output = parallel(torch::ones({1, 2}, dtype_of(precision))).to(at::kFloat).sum();
        if (context.rank() == 1) {  // a finite loss whose gradients are not
          output.register_hook([](const at::Tensor& gradient) { return gradient * kInfinity; });
        }
        parallel.backward(output * 1);
        const auto report = optimizer.step();
        EXPECT_THAT(report.reason, HasSubstr("is not finite, from rank 1"));
        EXPECT_TRUE(at::equal(parallel.whole_parameter(0), before));
      });
    }
  }
}

}  // namespace
}  // namespace trireme::test
