#include "trireme/runtime/deferred_init.h"

#include <gmock/gmock.h>
#include <torch/torch.h>

#include <fstream>
#include <mutex>

#include "support/thrown_text.h"
#include "training/thread_context.h"
#include "training/trial.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"
#include "trireme/runtime/parallel.h"
#include "trireme/runtime/unit.h"

namespace trireme::test {
namespace {

using testing::HasSubstr;

// What constructors do with parameters: random numbers, constants, a row, a copy, and one that undoes an earlier one.
class ManyWays : public torch::nn::Module {
 public:
  ManyWays() {
    torch::NoGradGuard no_grad;
    for (auto& parameter : unit_->parameters()) {
      if (parameter.dim() == 2) torch::nn::init::xavier_normal_(parameter);
    }
    table_->weight.mul_(0.5).add_(1);
    convolution_->bias.copy_(torch::arange(5));
    norm_->weight.slice(0, 1, 3).fill_(2);
    frozen_->weight.requires_grad_(false);
  }
  at::Tensor forward(const at::Tensor& tokens) {
    const auto x = frozen_(unit_(table_(tokens)));
    return norm_(convolution_(x.transpose(1, 2))).square().mean();
  }

 private:
  torch::nn::Embedding table_ =
      register_module("table", torch::nn::Embedding(torch::nn::EmbeddingOptions(11, 7).padding_idx(3)));
  Unit<torch::nn::Linear> unit_ = register_module("unit", Unit<torch::nn::Linear>(7, 7));
  torch::nn::Linear frozen_ = register_module("frozen", torch::nn::Linear(7, 6));
  torch::nn::Conv1d convolution_ = register_module("convolution", torch::nn::Conv1d(torch::nn::Conv1dOptions(6, 5, 1)));
  torch::nn::BatchNorm1d norm_ = register_module("norm", torch::nn::BatchNorm1d(5));
};

std::shared_ptr<ManyWays> build(std::uint64_t seed) {
  torch::manual_seed(seed);
  return std::make_shared<ManyWays>();
}

std::shared_ptr<ManyWays> build_deferred(std::uint64_t seed) {
  return deferred_init([seed] { return build(seed); });
}

void expect_same_tensors(const torch::nn::Module& expected, const torch::nn::Module& found) {
  for (const auto& item : expected.named_parameters()) {
    EXPECT_TRUE(at::equal(item.value(), found.named_parameters()[item.key()])) << item.key();
  }
  for (const auto& item : expected.named_buffers()) {
    EXPECT_TRUE(at::equal(item.value(), found.named_buffers()[item.key()])) << item.key();
  }
}

TEST(DeferredInit, TakesNoMemoryAndGivesTheSameBitsLater) {
  const auto expected = build(5);
  const auto next = torch::rand({1});
  const auto after_next = torch::rand({1});
  const auto model = build_deferred(5);
  EXPECT_TRUE(at::equal(torch::rand({1}), next)) << "as many random numbers are drawn";
  for (const auto& parameter : model->parameters()) EXPECT_EQ(parameter.storage().data(), nullptr);

  materialize(*model);
  EXPECT_TRUE(at::equal(torch::rand({1}), after_next)) << "making the values draws none";
  expect_same_tensors(*expected, *model);
  model->forward(torch::arange(6).view({2, 3})).backward();
}

TEST(DeferredInit, LeavesOtherTensorsAlone) {
  const DeferredInit guard;
  EXPECT_EQ(torch::ones({2}).sum().item<double>(), 2);
  EXPECT_EQ((torch::arange(3) + torch::full({3}, 2)).sum().item<int>(), 9);
  EXPECT_NE(torch::empty({4}, torch::kInt64).storage().data(), nullptr);
  EXPECT_EQ(torch::zeros_like(torch::empty({4})).sum().item<double>(), 0);
}

TEST(DeferredInit, SaysWhichOperatorReadsWhatIsNotThere) {
  const DeferredInit guard;
  const auto tensor = torch::empty({4});
  const auto text = text_thrown_by<Error>([&] { (void)tensor.sum(); });
  EXPECT_THAT(text, AllOf(HasSubstr("aten::sum"), HasSubstr("write_parameters()")));
  EXPECT_THAT(text_thrown_by<Error>([&] { (void)torch::zeros({4}).copy_(tensor); }), HasSubstr("aten::copy_"));
}

struct Setting {
  int ranks;
  Zero zero;
  Sharing sharing;
  Precision precision;
};

std::vector<Setting> all_settings() {
  std::vector<Setting> settings;
  for (const int ranks : {1, 2, 3}) {
    for (const auto precision : {Precision::kFloat32, Precision::kBf16}) {
      settings.push_back({ranks, Zero::kOff, Sharing::kOff, precision});
      for (const auto zero : {Zero::kOptimizer, Zero::kGradients, Zero::kParameters}) {
        settings.push_back({ranks, zero, Sharing::kOff, precision});
        if (ranks > 1) settings.push_back({ranks, zero, Sharing::kOn, precision});
      }
    }
  }
  return settings;
}

TEST(DeferredInit, GivesEveryRankItsShardOfRankZerosModel) {
  for (const auto& [ranks, zero, sharing, precision] : all_settings()) {
    SCOPED_TRACE(describe(Trial{.ranks = ranks, .zero = zero, .sharing = sharing, .precision = precision}));
    const auto expected = build(7);
    std::mutex one_generator;
    run_thread_contexts(ranks, [&](TrainContext& context) {
      context.communicator().barrier();  // contexts seed the generator, too
      std::unique_lock lock(one_generator);
      const auto model = build_deferred(7 + static_cast<std::uint64_t>(context.rank()));
      lock.unlock();
      Parallel parallel(model, context, {.zero = zero, .sharing = sharing, .precision = precision, .bucket_bytes = 64});
      for (std::size_t i = 0; i < parallel.parameters().size(); ++i) {
        const auto whole = parallel.whole_parameter(i);
        const auto& name = parallel.parameters()[i].name;
        EXPECT_TRUE(at::equal(whole, expected->named_parameters()[name])) << name;
      }
      const auto& frozen = model->named_parameters()["frozen.weight"];
      EXPECT_TRUE(at::equal(frozen, expected->named_parameters()["frozen.weight"].to(frozen.scalar_type())));
      if (precision == Precision::kFloat32) parallel.backward(parallel(torch::arange(6).view({2, 3})));
    });
  }
}

// 64 units of 1 MiB.
class Tower : public torch::nn::Module {
 public:
  static constexpr std::int64_t kMib = 64;
  Tower() {
    for (std::int64_t i = 0; i < kMib; ++i) {
      const auto layer = torch::nn::LinearOptions(512, 512).bias(false);
      layers_.push_back(register_module(message("layer{}", i), Unit<torch::nn::Linear>(layer)));
    }
  }
  at::Tensor forward(at::Tensor x) {
    for (auto& layer : layers_) x = layer(x);
    return x.sum();
  }

 private:
  std::vector<Unit<torch::nn::Linear>> layers_;
};

double peak_resident_mib() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    double kib = 0;
    if (word == "VmHWM:" && status >> kib) return kib / 1024;
  }
  return 0;
}

// Of building a Tower on 4 ranks and one pass of it under ZeRO 3.
double peak_of_training_a_tower(bool is_deferred) {
  std::ofstream("/proc/self/clear_refs") << 5;  // forgets the peak so far
  const auto before = peak_resident_mib();
  std::mutex one_generator;
  run_thread_contexts(4, [&](TrainContext& context) {
    const auto build = [] { return std::make_shared<Tower>(); };
    std::unique_lock lock(one_generator);
    const auto model = is_deferred ? deferred_init(build) : build();
    lock.unlock();
    Parallel parallel(model, context, {.zero = Zero::kParameters, .sharing = Sharing::kOff});
    parallel.backward(parallel(torch::ones({1, 512})));
  });
  return peak_resident_mib() - before;
}

TEST(DeferredInit, NeedsNoRankThatHoldsTheWholeModel) {
  static_cast<void>(peak_of_training_a_tower(true));  // what a process needs once
  const auto deferred = peak_of_training_a_tower(true);
  EXPECT_LT(deferred, peak_of_training_a_tower(false) - Tower::kMib);
}

TEST(DeferredInit, IsToBeHadOnAllRanksOrNone) {
  std::mutex one_generator;
  run_thread_contexts(2, [&](TrainContext& context) {
    std::unique_lock lock(one_generator);
    const auto model = context.rank() == 0 ? build(1) : build_deferred(1);
    lock.unlock();
    const auto text = text_thrown_by<MismatchError>([&] { Parallel parallel(model, context); });
    EXPECT_THAT(text, HasSubstr("deferred"));
  });
}

}  // namespace
}  // namespace trireme::test
