#include "trireme/runtime/join.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "training/odd_net.h"
#include "training/thread_context.h"
#include "training/trial.h"
#include "trireme/base/error.h"
#include "trireme/runtime/adamw.h"

// Ranks with unlike numbers of batches.
namespace trireme::test {
namespace {

constexpr int kRanks = 3;
constexpr int kBatches[kRanks] = {2, 4, 3};

// Unlike sizes too.
std::int64_t rows_of(int rank, int round) { return round < kBatches[rank] ? 1 + (rank + round) % 3 : 0; }

Batch batch_of(int rank, int round) {
  const Trial trial{.ranks = 1, .rows = 3};
  const auto batch = share_of_batch(trial, round * kRanks + rank, 0);
  const auto rows = rows_of(rank, round);
  return {batch.inputs.narrow(0, 0, rows), batch.targets.narrow(0, 0, rows), rows, rows};
}

// One process that sees the samples of all ranks in each round.
struct Expected {
  std::vector<double> losses;
  std::map<std::string, at::Tensor> parameters;
};
Expected train_on_all_samples() {
  Expected expected;
  run_thread_contexts(1, [&](TrainContext& alone) {
    Parallel parallel(std::make_shared<OddNet>(), alone);
    AdamW optimizer(parallel, {.learning_rate = 1e-2});
    for (int round = 0; round < 4; ++round) {
      std::vector<at::Tensor> inputs;
      std::vector<at::Tensor> targets;
      for (int rank = 0; rank < kRanks; ++rank) {
        inputs.push_back(batch_of(rank, round).inputs);
        targets.push_back(batch_of(rank, round).targets);
      }
      const auto loss = parallel(at::cat(inputs), at::cat(targets), true);
      expected.losses.push_back(loss.item<double>());
      parallel.backward(loss);
      optimizer.step();
      parallel.zero_grad();
    }
    for (std::size_t i = 0; i < parallel.parameters().size(); ++i) {
      expected.parameters[parallel.parameters()[i].name] = parallel.whole_parameter(i);
    }
  });
  return expected;
}

TEST(Join, TrainsAsOneProcessOnTheSamplesOfAllRanks) {
  const auto expected = train_on_all_samples();
  for (const auto zero : {Zero::kOff, Zero::kOptimizer, Zero::kGradients, Zero::kParameters}) {
    SCOPED_TRACE(to_string(zero));
    run_thread_contexts(kRanks, [&](TrainContext& context) {
      Parallel parallel(std::make_shared<OddNet>(), context,
                        {.zero = zero, .sharing = zero == Zero::kOff ? Sharing::kOff : Sharing::kOn});
      AdamW optimizer(parallel, {.learning_rate = 1e-2});
      Join join(parallel);
      int round = 0;
      for (; join.next(rows_of(context.rank(), round)); ++round) {
        const auto batch = batch_of(context.rank(), round);
        const auto loss = join.backward(join.has_batch() ? parallel(batch.inputs, batch.targets, true) : at::Tensor());
        EXPECT_NEAR(loss, expected.losses.at(static_cast<std::size_t>(round)), 1e-5);
        optimizer.step();
        parallel.zero_grad();
      }
      EXPECT_EQ(round, 4) << "all ranks go on until the last one is done";
      for (std::size_t i = 0; i < parallel.parameters().size(); ++i) {
        const auto& name = parallel.parameters()[i].name;
        EXPECT_TRUE(at::allclose(parallel.whole_parameter(i), expected.parameters.at(name), 1e-3, 1e-4)) << name;
      }
    });
  }
}

TEST(Join, TellsARankWithoutBatchesThatItMustGatherWithTheOthers) {
  run_thread_contexts(1, [&](TrainContext& context) {
    Parallel parallel(std::make_shared<OddNet>(), context, {.zero = Zero::kParameters, .sharing = Sharing::kOff});
    Join join(parallel);
    EXPECT_FALSE(join.next(0));
    EXPECT_THROW(join.backward({}), Error);
  });
}

// A model whose buffer counts its passes, differently on each rank.
struct Counting : torch::nn::Module {
  explicit Counting(int counts)
      : step(counts),
        weight(register_parameter("weight", torch::ones({1}))),
        count(register_buffer("count", torch::zeros({1}))) {}
  at::Tensor forward() {
    if (is_training()) {
      const torch::NoGradGuard no_grad;
      count += step;
    }
    return weight.sum();
  }
  int step;
  at::Tensor weight, count;
};

TEST(Buffers, AreRankZerosBeforeEachStepWhenAskedFor) {
  run_thread_contexts(2, [](TrainContext& context) {
    for (const auto buffers : {Buffers::kOwn, Buffers::kFromRankZero}) {
      const auto model = std::make_shared<Counting>(1 + context.rank());
      Parallel parallel(model, context, {.buffers = buffers});
      for (int step = 0; step < 3; ++step) {
        {
          const auto guard = parallel.no_sync();
          parallel.backward(parallel());
        }
        // In the second step rank 1 has nothing, but still gets rank 0's.
        const bool runs = step != 1 || context.rank() == 0;
        parallel.backward(runs ? parallel() : at::Tensor(), runs ? 0.5 : 0);
        parallel.zero_grad();
      }
      // Rank 1 counts 2 in each of 5 passes, or in the 2 after rank 0's 4.
      const float expected = context.rank() == 0 ? 6 : buffers == Buffers::kOwn ? 10 : 8;
      EXPECT_EQ(model->count.item<float>(), expected);
      model->eval();
      const torch::NoGradGuard no_grad;
      if (context.rank() == 0) static_cast<void>(parallel());  // alone: evaluation asks no other rank
    }
  });
}

}  // namespace
}  // namespace trireme::test
