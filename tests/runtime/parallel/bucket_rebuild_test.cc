#include <gtest/gtest.h>
#include <torch/torch.h>

#include "training/thread_context.h"
#include "trireme/runtime/parallel.h"

// Buckets laid out anew in the order in which gradients came.
namespace trireme::test {
namespace {

// Runs its layers in the order of registration, so that gradients come in the reverse one, or the other way round.
struct Chain : torch::nn::Module {
  explicit Chain(bool is_reversed) : is_reversed_(is_reversed) {
    for (const auto* name : {"a", "b", "c", "d"}) {
      layers_.push_back(register_module(name, torch::nn::Linear(torch::nn::LinearOptions(8, 8).bias(false))));
    }
    register_module("unused", torch::nn::Linear(torch::nn::LinearOptions(8, 8).bias(false)));
  }
  at::Tensor forward(at::Tensor x) {
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      x = layers_[is_reversed_ ? layers_.size() - 1 - i : i](x);
    }
    return x.sum();
  }

 private:
  bool is_reversed_;
  std::vector<torch::nn::Linear> layers_;
};

std::size_t gradients_before_first_bucket(const std::vector<TraceEntry>& trace) {
  std::size_t gradients = 0;
  for (const auto& entry : trace) {
    if (entry.event == TraceEvent::kBucketPosted) return gradients;
    gradients += entry.event == TraceEvent::kGradientReady ? 1 : 0;
  }
  return gradients;
}

// A bucket a layer.
constexpr std::size_t kLayerBytes = 256;

TEST(BucketRebuild, PostsTheFirstBucketWithTheFirstGradientFromTheSecondStepOn) {
  run_thread_contexts(2, [](TrainContext& context) {
    // The ranks' orders differ: rank 0's counts.
    Parallel parallel(std::make_shared<Chain>(context.rank() == 0), context,
                      {.bucket_bytes = kLayerBytes, .first_bucket_bytes = kLayerBytes});
    std::vector<std::size_t> waited;
    for (int step = 0; step < 3; ++step) {
      std::vector<TraceEntry> trace;
      parallel.record_trace(&trace);
      parallel.backward(parallel(torch::ones({2, 8})));
      waited.push_back(gradients_before_first_bucket(trace));
      parallel.zero_grad();
      parallel.record_trace(nullptr);
    }
    const bool is_first = context.rank() == 0;
    EXPECT_EQ(waited, is_first ? (std::vector<std::size_t>{4, 1, 1}) : (std::vector<std::size_t>{4, 4, 4}));
  });
}

TEST(BucketRebuild, ChangesNoGradient) {
  run_thread_contexts(3, [](TrainContext& context) {
    const auto model = std::make_shared<Chain>(true);
    Parallel parallel(model, context, {.bucket_bytes = kLayerBytes, .first_bucket_bytes = kLayerBytes});
    const auto input = torch::arange(16, torch::kFloat).view({2, 8}) * 0.1 * (context.rank() + 1);
    std::vector<at::Tensor> first;
    for (int step = 0; step < 2; ++step) {
      {
        const auto guard = parallel.no_sync();
        parallel.backward(parallel(input));
      }
      if (context.rank() == 0) {
        parallel.backward(parallel(input * 3));
      } else {
        parallel.backward({}, 0);  // nothing arrives in this pass, but something was accumulated
      }
      for (std::size_t i = 0; i < 4; ++i) {
        const auto gradient = parallel.parameters()[i].tensor.grad();
        ASSERT_TRUE(gradient.defined());
        EXPECT_TRUE(at::equal(gradient.view(-1), parallel.parts()[3 - i + 1].gradient));
        if (step == 0) first.push_back(gradient.clone());
        if (step == 1) {
          EXPECT_TRUE(at::equal(gradient, first[i])) << parallel.parameters()[i].name;
        }
      }
      EXPECT_FALSE(parallel.parameters()[4].tensor.grad().defined());
      EXPECT_GT(parallel.gradient_norm(), 0);
      parallel.zero_grad();
    }
  });
}

TEST(BucketRebuild, WaitsForAStepInWhichRankZeroHasGradients) {
  run_thread_contexts(2, [](TrainContext& context) {
    Parallel parallel(std::make_shared<Chain>(true), context,
                      {.bucket_bytes = kLayerBytes, .first_bucket_bytes = kLayerBytes});
    std::vector<std::size_t> waited;
    for (int step = 0; step < 3; ++step) {
      std::vector<TraceEntry> trace;
      parallel.record_trace(&trace);
      parallel.backward(parallel(torch::ones({2, 8})), step == 0 && context.rank() == 0 ? 0 : 1);
      waited.push_back(gradients_before_first_bucket(trace));
      parallel.zero_grad();
      parallel.record_trace(nullptr);
    }
    EXPECT_EQ(waited[1], 4U);
    EXPECT_EQ(waited[2], 1U);
  });
}

}  // namespace
}  // namespace trireme::test
