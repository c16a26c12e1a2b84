#include "trireme/models/gpt2.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <set>
#include <string>

#include "trireme/base/error.h"

namespace trireme {
namespace {

Gpt2Config tiny() { return {.layers = 2, .width = 16, .heads = 2, .positions = 8, .vocabulary = 11, .dropout = 0}; }

TEST(Gpt2, HasHuggingFaceNamesAndShapes) {
  const Gpt2 model(tiny());
  const auto parameters = model->named_parameters();
  EXPECT_EQ(parameters.size(), 2U + 2 * 12 + 2);
  EXPECT_EQ(parameters["transformer.wte.weight"].sizes(), at::IntArrayRef({11, 16}));
  EXPECT_EQ(parameters["transformer.wpe.weight"].sizes(), at::IntArrayRef({8, 16}));
  EXPECT_EQ(parameters["transformer.h.0.ln_1.weight"].sizes(), at::IntArrayRef({16}));
  EXPECT_EQ(parameters["transformer.h.0.attn.c_attn.weight"].sizes(), at::IntArrayRef({16, 48}));
  EXPECT_EQ(parameters["transformer.h.1.attn.c_proj.bias"].sizes(), at::IntArrayRef({16}));
  EXPECT_EQ(parameters["transformer.h.1.mlp.c_fc.weight"].sizes(), at::IntArrayRef({16, 64}));
  EXPECT_EQ(parameters["transformer.h.1.mlp.c_proj.weight"].sizes(), at::IntArrayRef({64, 16}));
  EXPECT_EQ(parameters["transformer.ln_f.bias"].sizes(), at::IntArrayRef({16}));
}

TEST(Gpt2, HasAsManyParametersAsItsConfigSays) {
  const Gpt2 model(tiny());
  std::int64_t count = 0;
  for (const auto& parameter : model->parameters()) count += parameter.numel();
  EXPECT_EQ(count, tiny().parameter_count());
}

TEST(Gpt2, StartsAsUncertainAsTheUniformDistribution) {
  torch::manual_seed(1);
  Gpt2 model(tiny());
  const at::Tensor tokens = torch::randint(0, 11, {4, 9}, at::kLong);
  const at::Tensor loss = model->forward(tokens.narrow(1, 0, 8), tokens.narrow(1, 1, 8));
  EXPECT_NEAR(loss.item<double>(), std::log(11.0), 0.1);
}

TEST(Gpt2, DoesNotLookAhead) {
  torch::manual_seed(2);
  Gpt2 model(tiny());
  const at::Tensor tokens = torch::randint(0, 11, {1, 8}, at::kLong);
  at::Tensor changed = tokens.clone();
  changed[0][5] = (changed[0][5] + 1) % 11;
  const at::Tensor difference = (model->logits(tokens) - model->logits(changed)).abs().amax({0, 2});
  EXPECT_LT(difference.narrow(0, 0, 5).max().item<double>(), 1e-6);
  EXPECT_GT(difference.narrow(0, 5, 3).min().item<double>(), 1e-6);
}

TEST(Gpt2, GivesTheNextTokenTheLastRowOfLogits) {
  torch::manual_seed(3);
  Gpt2 model(tiny());
  const at::Tensor tokens = torch::randint(0, 11, {2, 5}, at::kLong);
  EXPECT_TRUE(at::allclose(model->next_token_logits(tokens), model->logits(tokens).select(1, 4), 1e-5, 1e-6));
}

TEST(Gpt2, RefusesWindowsBeyondItsPositions) {
  Gpt2 model(tiny());
  EXPECT_THROW(static_cast<void>(model->logits(torch::zeros({1, 9}, at::kLong))), ConfigError);
}

TEST(Gpt2, DropsOnlyWhileTraining) {
  torch::manual_seed(4);
  Gpt2Config config = tiny();
  config.dropout = 0.5;
  Gpt2 model(config);
  const at::Tensor tokens = torch::randint(0, 11, {1, 8}, at::kLong);
  EXPECT_FALSE(at::allclose(model->logits(tokens), model->logits(tokens)));
  model->eval();
  EXPECT_TRUE(at::equal(model->logits(tokens), model->logits(tokens)));
}

TEST(Gpt2, LearnsAPeriodicSequence) {
  torch::manual_seed(5);
  Gpt2 model(tiny());
  torch::optim::AdamW optimizer(model->parameters(), torch::optim::AdamWOptions(1e-2));
  const at::Tensor tokens = torch::arange(0, 9, at::kLong).remainder(3).expand({8, 9});
  double loss = 0;
  for (int step = 0; step < 40; ++step) {
    optimizer.zero_grad();
    const at::Tensor value = model->forward(tokens.narrow(1, 0, 8), tokens.narrow(1, 1, 8));
    value.backward();
    optimizer.step();
    loss = value.item<double>();
  }
  EXPECT_LT(loss, 0.1);
}

}  // namespace
}  // namespace trireme
