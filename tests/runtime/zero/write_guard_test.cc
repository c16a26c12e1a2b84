#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cstdint>

#include "training/thread_context.h"
#include "trireme/collectives/single.h"
#include "trireme/runtime/adamw.h"
#include "trireme/runtime/parallel.h"

namespace trireme::test {
namespace {

volatile int* address_of_nothing() {
  static volatile std::uintptr_t address = 8;
  return reinterpret_cast<volatile int*>(address);
}

// A model whose parameters fill pages.
struct Guarded {
  TrainContext context{one_node_environment(0, 1), collectives::make_single()};
  std::shared_ptr<torch::nn::LinearImpl> model = std::make_shared<torch::nn::LinearImpl>(64, 64);
  Parallel<std::shared_ptr<torch::nn::LinearImpl>> parallel{
      model, context, {.zero = Zero::kOptimizer, .guard_parameters = true}};
};

TEST(WriteGuardDeathTest, NamesTheParameterThatIsWrittenBetweenUpdates) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        Guarded guarded;
        const at::NoGradGuard no_grad;
        guarded.model->weight.fill_(0);
      },
      "trireme: parameter weight was written outside of an update");
}

TEST(WriteGuardDeathTest, SaysNothingOfOtherFaults) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        Guarded guarded;
        volatile int* const outside = address_of_nothing();
        *outside = 0;
      },
      testing::KilledBySignal(SIGSEGV), "^$");
}

TEST(WriteGuard, LetsAllWritersInThatGoThroughParallel) {
  Guarded guarded;
  guarded.parallel.write_parameters([](const std::string&, at::Tensor& whole) { whole.fill_(1); });
  AdamW optimizer(guarded.parallel, {.learning_rate = 0.5});
  guarded.parallel.backward(guarded.parallel(at::ones({1, 64})).sum(), 1);
  (void)optimizer.step();
  guarded.parallel.zero_grad();
  EXPECT_LT(guarded.model->weight.max().item<float>(), 1);
  guarded.parallel.write_parts([&](std::size_t part) { guarded.parallel.parts()[part].values.fill_(2); });
  guarded.parallel.before_load();
  for (const auto& slice : guarded.parallel.tensor_slices()) slice.values.fill_(3);
  guarded.parallel.after_load();
  EXPECT_TRUE(at::equal(guarded.model->weight, at::full({64, 64}, 3.0)));
}

}  // namespace
}  // namespace trireme::test
