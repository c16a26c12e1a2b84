#include <gtest/gtest.h>
#include <torch/torch.h>

#include "collectives/nccl/gpu_ranks.h"
#include "training/trial.h"

// Training on GPUs. Ranks are processes; the parent touches neither CUDA nor LibTorch.
namespace trireme::test {
namespace {

using collectives::test::GpuRank;
using collectives::test::run_gpu_ranks;

constexpr std::array kStages{Zero::kOff, Zero::kOptimizer, Zero::kGradients, Zero::kParameters};
constexpr std::array kNets{Net::kOdd, Net::kPlain, Net::kRecurrent, Net::kBatchNorm};

// Each rank a node of its own, with a communicator of the real NCCL.
TrialResult train_on_gpu(const GpuRank& rank, const Trial& trial, const std::string& world) {
  RankEnvironment environment;
  environment.rank = rank.rank;
  environment.world_size = rank.size;
  environment.node = "node" + std::to_string(rank.rank);
  environment.local_rank = rank.device;
  TrainContext context(environment, rank.make(world), {.device = DeviceWish::kGpu});
  EXPECT_TRUE(context.device().is_cuda());
  return train_with_trireme(context, trial);
}

TEST(GpuTraining, OneRankLearnsAsOnTheCpu) {
  run_gpu_ranks(1, [](const GpuRank& rank) {
    for (const auto net : kNets) {
      for (const auto zero : kStages) {
        const Trial trial{.steps = 6, .zero = zero, .net = net};
        SCOPED_TRACE(describe(trial));
        const auto found = train_on_gpu(rank, trial, std::string(to_string(net)) + to_string(zero));
        const auto expected = train_rank_by_rank(trial);
        for (std::size_t i = 0; i < expected.losses.size(); ++i) {
          EXPECT_NEAR(found.losses[i], expected.losses[i], 1e-3) << "step " << i;
        }
      }
    }
  });
}

// With two ranks a sum has one order, and the kernels round alike wherever a tensor is cut.
TEST(GpuTraining, EveryStageOfTwoRanksHasTheSameBits) {
  for (const auto precision : {Precision::kFloat32, Precision::kBf16}) {
    run_gpu_ranks(2, [precision](const GpuRank& rank) {
      Trial trial{.ranks = 2, .steps = 6, .precision = precision};
      const auto expected = train_on_gpu(rank, trial, "off");
      for (const auto zero : {Zero::kOptimizer, Zero::kGradients, Zero::kParameters}) {
        trial.zero = zero;
        SCOPED_TRACE(describe(trial));
        EXPECT_EQ(difference(expected, train_on_gpu(rank, trial, to_string(zero))), "");
      }
    });
  }
}

TEST(GpuTraining, OffloadedOptimizersHaveTheSameBits) {
  run_gpu_ranks(2, [](const GpuRank& rank) {
    Trial trial{.ranks = 2, .steps = 6, .zero = Zero::kGradients, .precision = Precision::kBf16};
    const auto expected = train_on_gpu(rank, trial, "on_gpu");
    trial.offload = true;
    EXPECT_EQ(difference(expected, train_on_gpu(rank, trial, "on_host")), "");
  });
}

TEST(GpuTraining, RanksThatDoNotUseAllParametersAgree) {
  run_gpu_ranks(2, [](const GpuRank& rank) {
    Trial trial{.ranks = 2, .steps = 6, .accumulation = 2};
    trial.gate = [](std::int64_t step, int of_rank) { return of_rank == step % 2; };
    const auto found = train_on_gpu(rank, trial, "gate");
    const auto expected = train_rank_by_rank(trial);
    for (std::size_t i = 0; i < expected.losses.size(); ++i) EXPECT_NEAR(found.losses[i], expected.losses[i], 1e-3);
  });
}

}  // namespace
}  // namespace trireme::test
