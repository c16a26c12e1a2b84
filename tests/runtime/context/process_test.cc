#include <gmock/gmock.h>
#include <torch/torch.h>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <csignal>

#include "support/process_ranks.h"
#include "training/odd_net.h"
#include "training/thread_context.h"
#include "training/trial.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"
#include "trireme/collectives/shm.h"
#include "trireme/runtime/adamw.h"

// Ranks as processes: what threads cannot show.
namespace trireme::test {
namespace {

using testing::HasSubstr;

constexpr auto kPatience = std::chrono::seconds(30);

RankEnvironment environment_of(const ProcessRank& rank, LaunchedBy launched_by) {
  auto environment = one_node_environment(rank.rank(), rank.size());
  environment.launched_by = launched_by;
  return environment;
}

double sum_of_ranks(TrainContext& context) {
  float value = static_cast<float>(context.rank() + 1);
  context.communicator().all_reduce(collectives::view(&value, 1))->wait();
  return value;
}

void expect_all_zero(const std::vector<RankResult>& results) {
  for (const auto& result : results) EXPECT_EQ(result.exit_code, 0) << result.report;
}

TEST(TrainContextProcesses, MeetInTheLaunchersStore) {
  ProcessRanks ranks({.size = 3}, [](const ProcessRank& rank) {
    auto environment = environment_of(rank, LaunchedBy::kTriremeLauncher);
    environment.store = message("127.0.0.1:{}", rank.store_port());
    TrainContext context(environment);
    return context.communicator().backend() == "shm" && sum_of_ranks(context) == 6 ? 0 : 1;
  });
  expect_all_zero(ranks.wait());
}

TEST(TrainContextProcesses, MeetThroughTorchrunsStore) {
  ProcessRanks ranks({.size = 2}, [](const ProcessRank& rank) {
    const auto side = rank.connect();  // only to tell the port, as torchrun's environment does
    std::unique_ptr<c10d::TCPStore> torchrun;
    if (rank.rank() == 0) {
      c10d::TCPStoreOptions options;
      options.port = 0;
      options.isServer = true;
      options.waitWorkers = false;
      torchrun = std::make_unique<c10d::TCPStore>("127.0.0.1", options);
      side->set("port", std::to_string(torchrun->getPort()));
    }
    auto environment = environment_of(rank, LaunchedBy::kTorchrun);
    environment.master_addr = "127.0.0.1";
    environment.master_port = static_cast<std::uint16_t>(std::stoi(side->get("port", kPatience)));
    environment.master_is_torch_store = true;
    TrainContext context(environment);
    return sum_of_ranks(context) == 3 ? 0 : 1;
  });
  expect_all_zero(ranks.wait());
}

TEST(TrainContextProcesses, StopAfterTheStepInWhichOneGotASignal) {
  ProcessRanks ranks({.size = 2}, [](const ProcessRank& rank) {
    auto environment = environment_of(rank, LaunchedBy::kTriremeLauncher);
    environment.store = message("127.0.0.1:{}", rank.store_port());
    TrainContext context(environment);
    Parallel parallel(std::make_shared<OddNet>(), context);
    AdamW optimizer(parallel, {});
    struct Batches final : BatchSource {
      explicit Batches(int of) : rank(of) {}
      Batch next() override { return share_of_batch({.ranks = 2}, 0, rank); }
      std::vector<TensorSlice> tensor_slices() override { return {}; }
      std::map<std::string, std::string> scalars() const override { return {}; }
      void load_scalars(const std::map<std::string, std::string>&) override {}
      int rank;
    } batches(rank.rank());
    std::int64_t finished = 0;
    for (auto& step : steps(context, parallel, optimizer, batches, {.until = 1000})) {
      if (rank.rank() == 1 && step.index() == 6) std::raise(SIGTERM);
      step.backward(parallel(step.batch().inputs, step.batch().targets, true));
      finished = step.update().step;
    }
    return finished == 7 ? 0 : 1;
  });
  expect_all_zero(ranks.wait());
}

TEST(LostRank, IsNamedToTheSurvivors) {
  ProcessRanks ranks({.size = 3}, [](const ProcessRank& rank) {
    auto environment = environment_of(rank, LaunchedBy::kTriremeLauncher);
    environment.store = message("127.0.0.1:{}", rank.store_port());
    TrainContext context(environment);
    Parallel parallel(std::make_shared<OddNet>(), context);
    try {
      for (int step = 0; step < 1000; ++step) {
        const auto batch = share_of_batch({.ranks = 3}, step, rank.rank());
        const auto loss = parallel(batch.inputs, batch.targets, true);
        if (rank.rank() == 1 && step == 3) std::raise(SIGKILL);
        parallel.backward(loss);
        parallel.zero_grad();
      }
    } catch (const PeerLostError& error) {
      rank.report(message("lost {}: {}", error.rank(), error.what()));
      return 3;
    }
    return 0;
  });
  const auto results = ranks.wait();
  EXPECT_EQ(results[1].signal, SIGKILL);
  for (const auto survivor : {0, 2}) {
    const auto& result = results[static_cast<std::size_t>(survivor)];
    EXPECT_EQ(result.exit_code, 3) << result.report;
    EXPECT_THAT(result.report, HasSubstr("lost 1: "));
  }
}

}  // namespace
}  // namespace trireme::test
