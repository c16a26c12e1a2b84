#include "trireme/runtime/sync_batch_norm.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "training/thread_context.h"
#include "trireme/base/error.h"
#include "trireme/runtime/parallel.h"

namespace trireme::test {
namespace {

constexpr int kRanks = 3;
constexpr std::int64_t kRows = 7;

torch::nn::Sequential make_net() {
  torch::manual_seed(3);
  return torch::nn::Sequential({{"conv", torch::nn::Conv2d(torch::nn::Conv2dOptions(2, 3, 3))},
                                {"norm", torch::nn::BatchNorm2d(torch::nn::BatchNormOptions(3).momentum(0.3))},
                                {"flat", torch::nn::Flatten()},
                                {"head", torch::nn::Linear(24, 6)},
                                {"head_norm", torch::nn::BatchNorm1d(6)}});
}

at::Tensor inputs(int step) {
  return (torch::arange(kRows * 2 * 4 * 6, torch::kFloat) * 0.37 + step).sin().view({kRows, 2, 4, 6});
}

at::Tensor loss_of(const at::Tensor& output) { return (output.tanh() * torch::arange(6)).sum(1).mean(); }

std::shared_ptr<collectives::Communicator> own_ranks(TrainContext& context) {
  return context.communicator().split(0, context.rank());
}

TEST(SyncBatchNorm, TrainsAsBatchNormOnTheWholeBatchInOneProcess) {
  auto expected = make_net();
  std::vector<at::Tensor> losses;
  std::vector<std::vector<at::Tensor>> gradients;
  torch::optim::SGD optimizer(expected->parameters(), 0.1);
  for (int step = 0; step < 3; ++step) {
    optimizer.zero_grad();
    losses.push_back(loss_of(expected->forward(inputs(step))));
    losses.back().backward();
    gradients.emplace_back();
    for (const auto& parameter : expected->parameters()) gradients.back().push_back(parameter.grad().clone());
    optimizer.step();
  }
  const auto nets = [] {
    std::vector<torch::nn::Sequential> result;
    for (int rank = 0; rank < kRanks; ++rank) result.push_back(make_net());
    return result;
  }();
  run_thread_contexts(kRanks, [&](TrainContext& context) {
    auto model = with_sync_batch_norm(nets[static_cast<std::size_t>(context.rank())], own_ranks(context));
    Parallel parallel(model, context);
    torch::optim::SGD own_optimizer(model->parameters(), 0.1);
    const auto first = kRows * context.rank() / kRanks;
    const auto rows = kRows * (context.rank() + 1) / kRanks - first;
    for (std::size_t step = 0; step < 3; ++step) {
      own_optimizer.zero_grad();
      const auto share = inputs(static_cast<int>(step)).narrow(0, first, rows);
      const auto loss = loss_of(model->forward(share));
      parallel.backward(loss, static_cast<double>(rows) / kRows);
      for (std::size_t i = 0; i < gradients[step].size(); ++i) {
        EXPECT_TRUE(at::allclose(model->parameters()[i].grad(), gradients[step][i], 1e-4, 1e-5)) << step << ' ' << i;
      }
      own_optimizer.step();
    }
    const auto buffers = model->named_buffers();
    for (const auto& item : expected->named_buffers()) {
      ASSERT_TRUE(buffers.contains(item.key())) << item.key();
      EXPECT_TRUE(at::allclose(buffers[item.key()], item.value(), 1e-4, 1e-5)) << item.key();
    }
    model->eval();
    const torch::NoGradGuard no_grad;
    if (context.rank() == 1) {
      EXPECT_EQ(model->forward(inputs(0)).size(0), kRows);  // alone
    }
  });
}

TEST(SyncBatchNorm, TakesOneDimensionToThreeAndARankWithoutRows) {
  run_thread_contexts(2, [](TrainContext& context) {
    const auto ranks = own_ranks(context);
    const auto options = torch::nn::BatchNormOptions(2).affine(false).momentum(std::nullopt);
    SyncBatchNorm1d one(options, ranks);
    SyncBatchNorm2d two(options, ranks);
    SyncBatchNorm3d three(options, ranks);
    const std::int64_t rows = context.rank() == 0 ? 4 : 0;
    const auto whole = (torch::arange(4 * 2 * 3 * 3 * 3, torch::kFloat) * 0.7).sin().view({4, 2, 3, 3, 3});
    const auto check = [&](auto& layer, const at::Tensor& input) {
      auto share = input.narrow(0, 0, rows).clone().requires_grad_();
      const auto output = layer(share);
      (output * output.detach().exp()).sum().backward();
      auto plain = input.clone().requires_grad_();
      const auto expected = at::batch_norm(plain, {}, {}, {}, {}, true, 0, options.eps(), false);
      (expected * expected.detach().exp()).sum().backward();
      EXPECT_TRUE(at::allclose(output, expected.narrow(0, 0, rows), 1e-4, 1e-5));
      EXPECT_TRUE(at::allclose(share.grad(), plain.grad().narrow(0, 0, rows), 1e-3, 1e-4));
    };
    check(one, whole.select(4, 0).select(3, 0));
    check(two, whole.select(4, 0));
    check(three, whole);
    EXPECT_THROW(two(whole), ConfigError);
  });
}

}  // namespace
}  // namespace trireme::test
