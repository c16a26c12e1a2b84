#include "trireme/runtime/comm_hook.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "training/odd_net.h"
#include "training/thread_context.h"
#include "training/trial.h"
#include "trireme/base/error.h"
#include "trireme/runtime/as_buffer.h"
#include "trireme/runtime/parallel.h"

namespace trireme::test {
namespace {

constexpr int kRanks = 3;

// Gradients of this rank alone: `weight` is weighed by rank and step, so each rank's differ.
std::shared_ptr<torch::nn::LinearImpl> make_linear(std::int64_t in, std::int64_t out) {
  auto model = std::make_shared<torch::nn::LinearImpl>(in, out);
  torch::NoGradGuard no_grad;
  for (auto& parameter : model->parameters()) parameter.zero_();
  return model;
}

// What rank `rank` adds to the gradient of weight [out, in] in step `step`.
at::Tensor gradient_of(int rank, int step, std::int64_t in, std::int64_t out) {
  return (torch::arange(in * out, torch::kFloat) * (0.37 + 0.11 * rank) + step).sin().view({out, in});
}

// One step; the gradients are those of gradient_of() for the weight and of its first column for the bias.
template <typename Model>
void take_step(Parallel<Model>& parallel, const at::Tensor& gradient) {
  const auto loss =
      (parallel.module()->weight * gradient).sum() + (parallel.module()->bias * gradient.select(1, 0)).sum();
  parallel.backward(loss, 1);
}

TEST(HalfHook, SumsRoundedGradientsInRankOrderAndRoundsOnce) {
  for (const auto dtype : {torch::kBFloat16, torch::kHalf}) {
    SCOPED_TRACE(at::toString(dtype));
    run_thread_contexts(kRanks, [&](TrainContext& context) {
      const auto hook = dtype == torch::kBFloat16 ? make_bf16_hook() : make_fp16_hook();
      Parallel parallel(make_linear(20, 7), context, {.comm_hook = hook});
      for (int step = 0; step < 2; ++step) {
        take_step(parallel, gradient_of(context.rank(), step, 20, 7));
        auto expected = torch::zeros({7, 20});
        for (int rank = 0; rank < kRanks; ++rank) {
          expected += gradient_of(rank, step, 20, 7).to(dtype).to(torch::kFloat);
        }
        expected = expected.to(dtype).to(torch::kFloat);
        EXPECT_TRUE(at::equal(parallel.module()->weight.grad(), expected));
        EXPECT_TRUE(at::equal(parallel.module()->bias.grad(), expected.select(1, 0)));
        parallel.zero_grad();
      }
    });
  }
}

// The paper's algorithm 1 and 2 on all ranks' gradients at once, in double.
class PowerSgdReference {
 public:
  explicit PowerSgdReference(at::Tensor right) : right_(std::move(right)), errors_(kRanks) {}
  at::Tensor step(const std::vector<at::Tensor>& gradients) {
    std::vector<at::Tensor> sent;
    at::Tensor left = torch::zeros({gradients[0].size(0), right_.size(1)}, torch::kDouble);
    for (std::size_t rank = 0; rank < gradients.size(); ++rank) {
      sent.push_back(gradients[rank].to(torch::kDouble) +
                     (errors_[rank].defined() ? errors_[rank] : torch::zeros({1})));
      left += sent.back().matmul(right_);
    }
    left = std::get<0>(at::linalg_qr(left));
    right_ = torch::zeros_like(right_);
    for (const auto& matrix : sent) right_ += matrix.t().matmul(left);
    const auto sum = left.matmul(right_.t());
    for (std::size_t rank = 0; rank < gradients.size(); ++rank) errors_[rank] = sent[rank] - sum / kRanks;
    return sum;
  }

 private:
  at::Tensor right_;
  std::vector<at::Tensor> errors_;
};

TEST(PowerSgdHook, IsThePapersAlgorithmWithErrorFeedback) {
  std::vector<at::Tensor> results(kRanks);
  run_thread_contexts(kRanks, [&](TrainContext& context) {
    const auto hook = make_power_sgd_hook({.rank = 2, .start_iter = 1, .seed = 5});
    Parallel parallel(make_linear(24, 16), context, {.comm_hook = hook});
    // The reference starts from the same guess: the orthonormal columns of seeded noise. Which basis of their span it
    // is does not matter.
    auto generator = at::make_generator<at::CPUGeneratorImpl>(5);
    PowerSgdReference reference(
        std::get<0>(at::linalg_qr(at::randn({24, 2}, generator, torch::kFloat).to(torch::kDouble))));
    for (int step = 0; step < 6; ++step) {
      take_step(parallel, gradient_of(context.rank(), step, 24, 16));
      std::vector<at::Tensor> gradients;
      at::Tensor exact = torch::zeros({16, 24});
      for (int rank = 0; rank < kRanks; ++rank) {
        gradients.push_back(gradient_of(rank, step, 24, 16));
        exact += gradients.back();
      }
      const auto& weight = parallel.module()->weight.grad();
      const auto expected = step == 0 ? exact.to(torch::kDouble) : reference.step(gradients);
      EXPECT_TRUE(at::allclose(weight.to(torch::kDouble), expected, 1e-4, 1e-4)) << "step " << step;
      EXPECT_TRUE(at::equal(parallel.module()->bias.grad(), exact.select(1, 0))) << "vectors are summed exactly";
      results[static_cast<std::size_t>(context.rank())] = weight.clone();
      parallel.zero_grad();
    }
  });
  EXPECT_TRUE(at::equal(results[0], results[1]));
  EXPECT_TRUE(at::equal(results[0], results[2]));
}

TEST(PowerSgdHook, SendsWhatItLeftOutLater) {
  run_thread_contexts(2, [](TrainContext& context) {
    Parallel parallel(make_linear(24, 16), context, {.comm_hook = make_power_sgd_hook({.start_iter = 1})});
    const auto gradient = gradient_of(context.rank(), 0, 24, 16);
    const auto exact = gradient_of(0, 0, 24, 16) + gradient_of(1, 0, 24, 16);
    auto sent = torch::zeros({16, 24});
    constexpr int kSteps = 60;
    for (int step = 0; step <= kSteps; ++step) {
      take_step(parallel, gradient);
      if (step > 0) sent += parallel.module()->weight.grad();
      parallel.zero_grad();
    }
    // Without error feedback the parts beyond rank 1 would never come.
    EXPECT_LT((sent / kSteps - exact).norm().item<double>(), 0.2 * exact.norm().item<double>());
  });
}

// What a user may write: sums in float64.
class DoubleHook final : public CommHook {
 public:
  void prepare(const std::vector<GradientBucket>& buckets, collectives::Communicator& world,
               collectives::Timeout) override {
    world_ = &world;
    wires_.assign(buckets.size(), {});
    ++prepared;
  }
  [[nodiscard]] collectives::WorkPtr start(const GradientBucket& bucket) override {
    wires_[bucket.index] = bucket.values.to(torch::kDouble);
    return world_->all_reduce(as_buffer(wires_[bucket.index]));
  }
  void finish(const GradientBucket& bucket) override { bucket.values.copy_(wires_[bucket.index]); }
  int prepared = 0;

 private:
  collectives::Communicator* world_ = nullptr;
  std::vector<at::Tensor> wires_;
};

TEST(CommHook, OfAUserSumsEveryBucketAlsoAfterTheyAreRebuilt) {
  run_thread_contexts(2, [](TrainContext& context) {
    const auto hook = std::make_shared<DoubleHook>();
    Parallel plain(std::make_shared<OddNet>(), context);
    Parallel hooked(std::make_shared<OddNet>(), context,
                    {.bucket_bytes = 400, .first_bucket_bytes = 100, .comm_hook = hook});
    const Trial trial{.ranks = 2};
    for (int step = 0; step < 3; ++step) {
      const auto batch = share_of_batch(trial, step, context.rank());
      plain.backward(plain(batch.inputs, batch.targets, true));
      hooked.backward(hooked(batch.inputs, batch.targets, true));
      for (std::size_t i = 0; i < plain.parameters().size(); ++i) {
        const auto& expected = plain.parameters()[i].tensor.grad();
        const auto& gradient = hooked.parameters()[i].tensor.grad();
        ASSERT_EQ(gradient.defined(), expected.defined());
        if (expected.defined()) {
          EXPECT_TRUE(at::allclose(gradient, expected, 1e-6, 1e-7));
        }
      }
      plain.zero_grad();
      hooked.zero_grad();
    }
    EXPECT_EQ(hook->prepared, 2);
  });
}

TEST(CommHook, IsRefusedWithZeroAndWithBadOptions) {
  run_thread_contexts(1, [](TrainContext& context) {
    EXPECT_THROW(Parallel(make_linear(2, 2), context, {.zero = Zero::kGradients, .comm_hook = make_bf16_hook()}),
                 ConfigError);
  });
  EXPECT_THROW(static_cast<void>(make_power_sgd_hook({.rank = 0})), ConfigError);
  EXPECT_THROW(static_cast<void>(make_power_sgd_hook({.start_iter = 0})), ConfigError);
}

}  // namespace
}  // namespace trireme::test
