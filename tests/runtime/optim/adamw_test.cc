#include "trireme/runtime/adamw.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "training/thread_context.h"
#include "trireme/base/error.h"
#include "trireme/collectives/single.h"

namespace trireme::test {
namespace {

class AdamWTest : public testing::Test {
 protected:
  AdamWTest() : context_(one_node_environment(0, 1), collectives::make_single()) {
    torch::NoGradGuard no_grad;
    for (auto& parameter : model_->parameters()) parameter.fill_(0.5);
  }

  // A step with gradient `value` in every element.
  UpdateReport step(ParallelModule& parallel, AdamW& optimizer, double value) {
    parallel.zero_grad();
    parallel.backward(model_->forward(torch::full({1, 3}, 1.0)).sum() * value);
    return optimizer.step();
  }

  TrainContext context_;
  std::shared_ptr<torch::nn::LinearImpl> model_ = std::make_shared<torch::nn::LinearImpl>(3, 2);
};

TEST_F(AdamWTest, FollowsTheOptimizerOfLibTorch) {
  auto other = std::make_shared<torch::nn::LinearImpl>(3, 2);
  {
    torch::NoGradGuard no_grad;
    for (auto& parameter : other->parameters()) parameter.fill_(0.5);
  }
  Parallel parallel(model_, context_);
  AdamW ours(parallel, {.learning_rate = 0.01, .weight_decay = 0.1, .decay_vectors = true});
  torch::optim::AdamW theirs(other->parameters(), torch::optim::AdamWOptions(0.01).weight_decay(0.1));
  for (const double value : {1.0, -2.0, 0.5}) {
    step(parallel, ours, value);
    theirs.zero_grad();
    (other->forward(torch::full({1, 3}, 1.0)).sum() * value).backward();
    theirs.step();
  }
  EXPECT_TRUE(at::allclose(model_->weight, other->weight, 1e-5, 1e-7));
  EXPECT_TRUE(at::allclose(model_->bias, other->bias, 1e-5, 1e-7));
}

TEST_F(AdamWTest, DecaysMatricesButNotVectors) {
  Parallel parallel(model_, context_);
  AdamW optimizer(parallel, {.learning_rate = 0.1, .weight_decay = 0.5});
  step(parallel, optimizer, 0);
  EXPECT_TRUE(at::allclose(model_->weight, torch::full({2, 3}, 0.5 * (1 - 0.1 * 0.5))));
  EXPECT_TRUE(at::allclose(model_->bias, torch::full({2}, 0.5)));
}

// Adam's first step does not depend on the gradient's scale, so epsilon is large here.
TEST_F(AdamWTest, ReportsTheNormBeforeClippingAndClipsTheGradients) {
  Parallel parallel(model_, context_);
  AdamW optimizer(parallel, {.learning_rate = 1, .epsilon = 1, .weight_decay = 0, .clip_norm = 1});
  const auto start = model_->bias.detach().clone();
  const auto report = step(parallel, optimizer, 2);
  EXPECT_NEAR(report.gradient_norm, 2 * std::sqrt(8.0), 1e-6);
  const double clipped = 2 / report.gradient_norm;  // of each element
  EXPECT_TRUE(at::allclose(model_->bias, start - clipped / (clipped + 1)));
}

TEST_F(AdamWTest, FollowsItsSchedule) {
  Parallel parallel(model_, context_);
  AdamW optimizer(parallel, {.schedule = [](std::int64_t step) { return 0.1 * static_cast<double>(step + 1); }});
  EXPECT_DOUBLE_EQ(step(parallel, optimizer, 1).learning_rate, 0.1);
  EXPECT_DOUBLE_EQ(step(parallel, optimizer, 1).learning_rate, 0.2);
  EXPECT_DOUBLE_EQ(optimizer.learning_rate(), 0.3);
  EXPECT_EQ(optimizer.updates(), 2);
}

TEST_F(AdamWTest, GoesOnFromSavedState) {
  Parallel parallel(model_, context_);
  AdamW first(parallel, {.learning_rate = 0.01});
  step(parallel, first, 1);
  step(parallel, first, 3);
  AdamW second(parallel, {.learning_rate = 0.01});
  const auto from = first.tensor_slices();
  const auto to = second.tensor_slices();
  ASSERT_EQ(from.size(), to.size());
  for (std::size_t i = 0; i < from.size(); ++i) {
    auto values = to[i].values;
    values.copy_(from[i].values);
  }
  second.load_scalars(first.scalars());
  EXPECT_EQ(second.updates(), 2);
  const auto start = model_->weight.detach().clone();
  step(parallel, first, 1);
  const auto expected = model_->weight.detach().clone();
  {
    torch::NoGradGuard no_grad;
    model_->weight.copy_(start);
  }
  step(parallel, second, 1);
  EXPECT_TRUE(at::equal(model_->weight, expected));
}

TEST_F(AdamWTest, RefusesOptionsOutOfRangeAndBadState) {
  Parallel parallel(model_, context_);
  EXPECT_THROW(AdamW(parallel, {.learning_rate = -1}), ConfigError);
  EXPECT_THROW(AdamW(parallel, {.beta2 = 1}), ConfigError);
  AdamW optimizer(parallel, {});
  EXPECT_THROW(optimizer.load_scalars({}), CheckpointError);
  EXPECT_THROW(optimizer.load_scalars({{"adamw.updates", "many"}}), CheckpointError);
}

}  // namespace
}  // namespace trireme::test
