#include "trireme/runtime/ema.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "training/plain_net.h"
#include "training/thread_context.h"
#include "trireme/base/error.h"
#include "trireme/collectives/single.h"
#include "trireme/runtime/sgd.h"

namespace trireme::test {
namespace {

// One step of training, taken into the average.
void train(Parallel<std::shared_ptr<PlainNet>>& parallel, Sgd& optimizer, Ema& average, std::int64_t step) {
  parallel.zero_grad();
  parallel.backward(parallel(step, parallel.context().rank()), 1.0);
  optimizer.step();
  average.update();
}

NamedValues parameters_of(ParallelModule& parallel) {
  NamedValues values;
  for (std::size_t i = 0; i < parallel.parameters().size(); ++i) {
    values[parallel.parameters()[i].name] = parallel.whole_parameter(i);
  }
  return values;
}

void follow_and_swap(TrainContext& context, const PlainTrial& trial) {
  Parallel parallel(std::make_shared<PlainNet>(), context,
                    {.zero = trial.zero, .sharing = trial.sharing, .bucket_bytes = 160, .first_bucket_bytes = 40});
  Sgd optimizer(parallel, {.learning_rate = 0.01});
  Ema average(parallel, {.decay = 0.75, .warms_up = false});
  auto expected = parameters_of(parallel);
  for (std::int64_t step = 0; step < trial.steps; ++step) {
    train(parallel, optimizer, average, step);
    for (auto& [name, value] : parameters_of(parallel)) expected[name] = 0.75 * expected[name] + 0.25 * value;
  }
  const auto own = parameters_of(parallel);
  {
    const auto swapped = average.swap_in();
    EXPECT_EQ(largest_difference(parameters_of(parallel), expected), 0) << describe(trial);
    EXPECT_THROW(average.update(), Error);
    EXPECT_THROW(static_cast<void>(average.tensor_slices()), Error);
    EXPECT_THROW(static_cast<void>(average.swap_in()), Error);
  }
  EXPECT_EQ(largest_difference(parameters_of(parallel), own), 0) << describe(trial);
}

TEST(Ema, FollowsTheParametersAndIsSwappedInAndOutAtEveryStage) {
  for (const auto& trial : all_plain_trials()) {
    run_thread_contexts(trial.ranks, [&](TrainContext& context) { follow_and_swap(context, trial); });
  }
}

TEST(Ema, GoesOnFromSavedState) {
  TrainContext context(one_node_environment(0, 1), collectives::make_single());
  Parallel parallel(std::make_shared<PlainNet>(), context);
  Sgd optimizer(parallel, {.learning_rate = 0.01});
  Ema first(parallel);
  for (std::int64_t step = 0; step < 3; ++step) train(parallel, optimizer, first, step);
  Ema second(parallel);
  const auto from = first.tensor_slices();
  const auto to = second.tensor_slices();
  for (std::size_t i = 0; i < from.size(); ++i) {
    EXPECT_EQ(from[i].name, to[i].name);
    to[i].values.copy_(from[i].values);
  }
  second.load_scalars(first.scalars());
  EXPECT_EQ(second.updates(), 3);
  first.update();
  second.update();
  for (std::size_t i = 0; i < from.size(); ++i) EXPECT_TRUE(at::equal(from[i].values, to[i].values));
}

TEST(Ema, RefusesBadDecayAndState) {
  TrainContext context(one_node_environment(0, 1), collectives::make_single());
  Parallel parallel(std::make_shared<PlainNet>(), context);
  EXPECT_THROW(Ema(parallel, {.decay = 1}), ConfigError);
  Ema average(parallel);
  EXPECT_THROW(average.load_scalars({}), CheckpointError);
}

}  // namespace
}  // namespace trireme::test
