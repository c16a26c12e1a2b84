#include "trireme/runtime/precision.h"

#include <gmock/gmock.h>
#include <torch/torch.h>

#include "support/temporary_folder.h"
#include "training/odd_net.h"
#include "training/thread_context.h"
#include "trireme/collectives/single.h"
#include "trireme/runtime/checkpoint.h"
#include "trireme/runtime/parallel.h"

namespace trireme::test {
namespace {

class PrecisionTest : public testing::Test {
 protected:
  TrainContext context_{one_node_environment(0, 1), collectives::make_single()};
};

std::shared_ptr<torch::nn::LinearImpl> half_filled_linear() {
  auto model = std::make_shared<torch::nn::LinearImpl>(2, 2);
  torch::NoGradGuard no_grad;
  for (auto& parameter : model->parameters()) parameter.fill_(0.5);
  return model;
}

// Adds `change` to every element that has a gradient.
void add_to_all(ParallelModule& parallel, double change) {
  parallel.update([&](std::size_t part) { at::Tensor(parallel.parts()[part].values).add_(change); });
}

TEST_F(PrecisionTest, ConvertsAllParametersButThoseThatTheRuleKeeps) {
  torch::nn::Sequential model(torch::nn::Linear(4, 3), torch::nn::BatchNorm1d(3), torch::nn::Linear(3, 2),
                              torch::nn::LayerNorm(torch::nn::LayerNormOptions({2})));
  for (auto& parameter : model[2]->parameters()) parameter.requires_grad_(false);
  Parallel parallel(model, context_, {.precision = Precision::kBf16, .keep_float32 = [](const std::string& name) {
                                        return name.starts_with("3.");
                                      }});
  std::map<std::string, at::ScalarType> dtypes;
  for (const auto& item : model->named_parameters()) dtypes[item.key()] = item.value().scalar_type();
  for (const auto* name : {"0.weight", "0.bias", "2.weight", "2.bias"}) EXPECT_EQ(dtypes[name], at::kBFloat16) << name;
  for (const auto* name : {"1.weight", "1.bias", "3.weight", "3.bias"}) EXPECT_EQ(dtypes[name], at::kFloat) << name;
  for (const auto& buffer : model->named_buffers()) EXPECT_NE(buffer.value().scalar_type(), at::kBFloat16);
  auto loss = parallel(torch::ones({5, 4}, at::kBFloat16)).to(at::kFloat).sum();
  EXPECT_NO_THROW(parallel.backward(loss));
}

TEST_F(PrecisionTest, AddsUpUpdatesThatAreSmallerThanTheLastBit) {
  auto model = half_filled_linear();
  Parallel parallel(model, context_, {.precision = Precision::kBf16});
  const double last_bit = 1.0 / 256;  // of a bfloat16 in [0.5, 1)
  for (int step = 0; step < 8; ++step) {
    parallel.backward(parallel(torch::ones({1, 2}, at::kBFloat16)).to(at::kFloat).sum());
    add_to_all(parallel, last_bit / 8);
    parallel.zero_grad();
  }
  EXPECT_TRUE(at::equal(model->weight, torch::full({2, 2}, 0.5 + last_bit, at::kBFloat16)));
}

TEST_F(PrecisionTest, BeginsMastersWithTheValuesBeforeRounding) {
  auto model = half_filled_linear();
  torch::NoGradGuard no_grad;
  model->weight.fill_(0.3F);
  Parallel parallel(model, context_, {.precision = Precision::kFp16});
  EXPECT_TRUE(at::equal(parallel.whole_parameter(0), torch::full({2, 2}, 0.3F)));
  EXPECT_TRUE(at::equal(model->weight, torch::full({2, 2}, 0.3F).to(at::kHalf)));
}

TEST_F(PrecisionTest, ShowsNoGradientToOptimizersThatDoNotKnowOfMasters) {
  auto model = half_filled_linear();
  Parallel parallel(model, context_, {.precision = Precision::kBf16});
  parallel.backward(parallel(torch::ones({1, 2}, at::kBFloat16)).to(at::kFloat).sum());
  EXPECT_FALSE(model->weight.grad().defined());
  EXPECT_TRUE(at::equal(parallel.whole_gradient(0), torch::ones({2, 2}, at::kBFloat16)));
}

TEST(PrecisionOverRanks, WritesAndSavesMastersAtEveryStageAndLoadsThemElsewhere) {
  const TemporaryFolder root;
  for (const auto zero : {Zero::kOff, Zero::kOptimizer, Zero::kGradients, Zero::kParameters}) {
    SCOPED_TRACE(to_string(zero));
    const auto folder = (root / to_string(zero)).string();
    run_thread_contexts(2, [&](TrainContext& context) {
      Parallel parallel(std::make_shared<OddNet>(), context, {.zero = zero, .precision = Precision::kBf16});
      parallel.write_parameters([](const std::string&, at::Tensor& whole) { whole.fill_(0.3F); });
      Checkpoints(context, folder, {}).save(1, {&parallel});
    });
    run_thread_contexts(3, [&](TrainContext& context) {
      Parallel parallel(std::make_shared<OddNet>(), context, {.zero = zero, .precision = Precision::kFp16});
      EXPECT_EQ(Checkpoints(context, folder, {}).load_newest({&parallel}), 1);
      for (std::size_t i = 0; i < parallel.parameters().size(); ++i) {
        const auto master = parallel.whole_parameter(i);
        EXPECT_TRUE(at::equal(master, torch::full_like(master, 0.3F, at::kFloat))) << parallel.parameters()[i].name;
      }
      const auto module = parallel.operator->();  // gathers what lies in no unit
      const auto live = module->named_parameters()["embedding"].detach();
      EXPECT_TRUE(at::equal(live, torch::full_like(live, 0.3F))) << live;
      EXPECT_EQ(live.scalar_type(), at::kHalf);
    });
  }
}

}  // namespace
}  // namespace trireme::test
