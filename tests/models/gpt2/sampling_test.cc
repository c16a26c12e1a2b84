#include "sampling.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <string>

namespace trireme {
namespace {

Gpt2 tiny_model() {
  torch::manual_seed(1);
  Gpt2 model(Gpt2Config{.layers = 1, .width = 16, .heads = 2, .positions = 8, .vocabulary = 256, .dropout = 0});
  model->eval();
  return model;
}

TEST(SampleBytes, GivesTheSameTextForTheSameSeed) {
  Gpt2 model = tiny_model();
  const std::string first = sample_bytes(model, "abc", {.tokens = 30, .seed = 5});
  EXPECT_EQ(first.size(), 30U);
  EXPECT_EQ(sample_bytes(model, "abc", {.tokens = 30, .seed = 5}), first);
  EXPECT_NE(sample_bytes(model, "abc", {.tokens = 30, .seed = 6}), first);
}

TEST(SampleBytes, TakesTheLikeliestByteAtTemperatureZeroAndAmongOne) {
  Gpt2 model = tiny_model();
  const std::string likeliest = sample_bytes(model, "abc", {.tokens = 12, .temperature = 0, .seed = 5});
  EXPECT_EQ(sample_bytes(model, "abc", {.tokens = 12, .temperature = 0, .seed = 6}), likeliest);
  EXPECT_EQ(sample_bytes(model, "abc", {.tokens = 12, .temperature = 1, .top_k = 1, .seed = 7}), likeliest);
}

TEST(SampleBytes, GoesOnBeyondThePositionsOfTheModel) {
  Gpt2 model = tiny_model();
  EXPECT_EQ(sample_bytes(model, std::string(20, 'x'), {.tokens = 3}).size(), 3U);
}

}  // namespace
}  // namespace trireme
