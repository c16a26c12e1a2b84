#include <gmock/gmock.h>
#include <torch/torch.h>

#include "training/thread_context.h"
#include "trireme/base/error.h"
#include "trireme/runtime/adamw.h"
#include "trireme/runtime/parallel.h"

namespace trireme::test {
namespace {

constexpr std::int64_t kWords = 50;
constexpr std::int64_t kWidth = 3;

struct Bag : torch::nn::Module {
  explicit Bag(bool is_sparse)
      : words(register_module("words",
                              torch::nn::Embedding(torch::nn::EmbeddingOptions(kWords, kWidth).sparse(is_sparse)))),
        out(register_module("out", torch::nn::Linear(kWidth, 2))) {
    torch::NoGradGuard no_grad;
    double seed = 0;
    for (auto& parameter : parameters()) {
      parameter.copy_((torch::arange(parameter.numel()) * 0.7 + seed++).sin().view(parameter.sizes()));
    }
  }
  at::Tensor forward(const at::Tensor& tokens) { return out(words(tokens).tanh()).square().mean(); }
  torch::nn::Embedding words;
  torch::nn::Linear out;
};

at::Tensor tokens_of(int rank, int pass) {
  return (torch::arange(6) * (rank + 2) + pass * 7).remainder(kWords).to(torch::kLong);
}

// Two passes a step, the first under no_sync; rank 2 has nothing in the second step.
template <typename Step>
void train(TrainContext& context, Parallel<std::shared_ptr<Bag>>& parallel, Step step) {
  for (int i = 0; i < 3; ++i) {
    {
      const auto guard = parallel.no_sync();
      parallel.backward(parallel(tokens_of(context.rank(), 2 * i)), i == 1 && context.rank() == 2 ? 0 : 0.2);
    }
    parallel.backward(parallel(tokens_of(context.rank(), 2 * i + 1)), i == 1 && context.rank() == 2 ? 0 : 0.1);
    step();
  }
}

TEST(SparseGradients, TrainTheSameBitsAsDenseOnes) {
  run_thread_contexts(3, [](TrainContext& context) {
    const auto sparse = std::make_shared<Bag>(true);
    const auto dense = std::make_shared<Bag>(false);
    Parallel of_sparse(sparse, context);
    Parallel of_dense(dense, context);
    AdamW sparse_optimizer(of_sparse, {.clip_norm = 0.01});
    AdamW dense_optimizer(of_dense, {.clip_norm = 0.01});
    std::vector<double> norms;
    train(context, of_sparse, [&] {
      const auto gradient = sparse->words->weight.grad();
      EXPECT_TRUE(gradient.is_sparse() && gradient.is_coalesced());
      EXPECT_LE(gradient._indices().size(1), 36) << "only rows that a rank used";
      EXPECT_TRUE(at::equal(of_sparse.whole_gradient(0), gradient.to_dense()));
      norms.push_back(sparse_optimizer.step().gradient_norm);
      of_sparse.zero_grad();
    });
    std::size_t step = 0;
    train(context, of_dense, [&] {
      EXPECT_NEAR(dense_optimizer.step().gradient_norm, norms[step++], 1e-9);
      of_dense.zero_grad();
    });
    EXPECT_TRUE(at::allclose(sparse->words->weight, dense->words->weight, 0, 1e-7));
    EXPECT_TRUE(at::allclose(sparse->out->weight, dense->out->weight, 0, 1e-7));
  });
}

TEST(SparseGradients, SuitAnOptimizerOfLibTorchAndAreTheSameOnAllRanks) {
  std::vector<at::Tensor> weights(3);
  run_thread_contexts(3, [&](TrainContext& context) {
    const auto model = std::make_shared<Bag>(true);
    Parallel parallel(model, context);
    torch::optim::SGD optimizer(model->parameters(), 0.5);
    train(context, parallel, [&] {
      optimizer.step();
      optimizer.zero_grad();
    });
    weights[static_cast<std::size_t>(context.rank())] = model->words->weight.detach().clone();
  });
  EXPECT_TRUE(at::equal(weights[0], weights[1]));
  EXPECT_TRUE(at::equal(weights[0], weights[2]));
  EXPECT_FALSE(at::equal(weights[0], Bag(true).words->weight));
}

TEST(SparseGradients, AreRefusedWithZero) {
  run_thread_contexts(1, [](TrainContext& context) {
    EXPECT_THROW(Parallel(std::make_shared<Bag>(true), context, {.zero = Zero::kOptimizer}), ConfigError);
  });
}

}  // namespace
}  // namespace trireme::test
