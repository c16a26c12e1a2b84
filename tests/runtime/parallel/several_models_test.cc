#include <gtest/gtest.h>
#include <torch/torch.h>

#include "training/odd_net.h"
#include "training/thread_context.h"
#include "trireme/runtime/adamw.h"
#include "trireme/runtime/parallel.h"

// Modules used twice, and several Parallels in one process.
namespace trireme::test {
namespace {

constexpr int kRanks = 2;

// Runs its unit twice in one forward pass.
struct Twice : torch::nn::Module {
  Twice()
      : block(register_module("block", Unit<OddBlock>(5, 6))), out(register_module("out", torch::nn::Linear(5, 1))) {
    torch::NoGradGuard no_grad;
    double seed = 0.3;
    for (auto& parameter : parameters()) {
      parameter.copy_((torch::arange(parameter.numel()) * 0.9 + seed++).sin().view(parameter.sizes()));
    }
  }
  at::Tensor forward(const at::Tensor& x) { return out(block(block(x))).square().mean(); }
  Unit<OddBlock> block{nullptr};
  torch::nn::Linear out{nullptr};
};

at::Tensor rows_of(int rank, int step) {
  return (torch::arange(10, torch::kFloat) * 0.3 + rank + step).cos().view({2, 5});
}

std::map<std::string, at::Tensor> gradients_of(Twice& model) {
  std::map<std::string, at::Tensor> result;
  for (const auto& item : model.named_parameters()) {
    result[item.key()] = item.value().grad().clone();
    item.value().mutable_grad() = at::Tensor();
  }
  return result;
}

// Ranks one by one, added in rank order.
std::map<std::string, at::Tensor> expected_gradients(int step) {
  std::map<std::string, at::Tensor> sums;
  for (int rank = 0; rank < kRanks; ++rank) {
    Twice model;
    (model.forward(rows_of(rank, step)) * (1.0 / kRanks)).backward();
    for (const auto& [name, gradient] : gradients_of(model)) {
      sums[name] = sums.contains(name) ? sums[name] + gradient : gradient;
    }
  }
  return sums;
}

TEST(ModuleUsedTwice, GetsTheSumOfBothUsesAtEveryStage) {
  const auto expected = expected_gradients(0);
  for (const auto zero : {Zero::kOff, Zero::kOptimizer, Zero::kGradients, Zero::kParameters}) {
    SCOPED_TRACE(to_string(zero));
    run_thread_contexts(kRanks, [&](TrainContext& context) {
      Parallel parallel(std::make_shared<Twice>(), context, {.zero = zero, .sharing = Sharing::kOff});
      parallel.backward(parallel(rows_of(context.rank(), 0)));
      for (std::size_t i = 0; i < parallel.parameters().size(); ++i) {
        const auto& name = parallel.parameters()[i].name;
        EXPECT_TRUE(at::equal(parallel.whole_gradient(i), expected.at(name))) << name;
      }
    });
  }
}

TEST(SeveralModels, TrainSideBySideInTheOrderTheirPassesAreRun) {
  run_thread_contexts(kRanks, [&](TrainContext& context) {
    Parallel a(std::make_shared<Twice>(), context);
    Parallel b(std::make_shared<Twice>(), context, {.zero = Zero::kOptimizer});
    // Forward of both, then backward of the second first.
    const auto loss_a = a(rows_of(context.rank(), 0));
    const auto loss_b = b(rows_of(context.rank(), 1));
    b.backward(loss_b);
    a.backward(loss_a);
    const auto expected_a = expected_gradients(0);
    const auto expected_b = expected_gradients(1);
    for (std::size_t i = 0; i < a.parameters().size(); ++i) {
      EXPECT_TRUE(at::equal(a.whole_gradient(i), expected_a.at(a.parameters()[i].name)));
      EXPECT_TRUE(at::equal(b.whole_gradient(i), expected_b.at(b.parameters()[i].name)));
    }
  });
}

TEST(SeveralModels, ShareOneLoss) {
  for (const auto zero : {Zero::kOff, Zero::kGradients}) {
    SCOPED_TRACE(to_string(zero));
    run_thread_contexts(kRanks, [&](TrainContext& context) {
      Parallel a(std::make_shared<Twice>(), context, {.zero = zero, .bucket_bytes = 64, .first_bucket_bytes = 64});
      Parallel b(std::make_shared<Twice>(), context, {.zero = zero, .bucket_bytes = 64, .first_bucket_bytes = 64});
      const auto input = rows_of(context.rank(), 0);
      // The ranks' gradients come in unlike orders.
      const auto loss = context.rank() == 0 ? a(input) + b(input) : b(input) + a(input);
      ParallelModule::backward({&a, &b}, loss, 1.0 / kRanks);
      const auto expected = expected_gradients(0);
      for (std::size_t i = 0; i < a.parameters().size(); ++i) {
        EXPECT_TRUE(at::equal(a.whole_gradient(i), expected.at(a.parameters()[i].name)));
        EXPECT_TRUE(at::equal(b.whole_gradient(i), expected.at(b.parameters()[i].name)));
      }
    });
  }
}

TEST(OptimizerOfLibTorch, KeepsItsStateWhenBucketsAreRebuilt) {
  Twice expected;
  torch::optim::Adam expected_optimizer(expected.parameters(), 0.01);
  for (int step = 0; step < 4; ++step) {
    const auto sums = expected_gradients(0);
    auto parameters = expected.named_parameters();
    // Gradients that do not depend on the parameters, so that this process needs no other rank.
    for (auto& item : parameters) item.value().mutable_grad() = sums.at(item.key()) * (step + 1);
    expected_optimizer.step();
  }
  run_thread_contexts(kRanks, [&](TrainContext& context) {
    const auto model = std::make_shared<Twice>();
    Parallel parallel(model, context, {.bucket_bytes = 64, .first_bucket_bytes = 64});
    torch::optim::Adam optimizer(model->parameters(), 0.01);
    Twice source;
    source.forward(rows_of(context.rank(), 0)).backward();
    for (int step = 0; step < 4; ++step) {
      optimizer.zero_grad();
      at::Tensor loss = torch::zeros({});
      for (const auto& item : source.named_parameters()) {
        loss = loss + (model->named_parameters()[item.key()] * item.value().grad()).sum();
      }
      parallel.backward(loss, (step + 1.0) / kRanks);
      optimizer.step();
    }
    for (const auto& item : expected.named_parameters()) {
      EXPECT_TRUE(at::allclose(model->named_parameters()[item.key()], item.value(), 1e-4, 1e-5)) << item.key();
    }
  });
}

}  // namespace
}  // namespace trireme::test
