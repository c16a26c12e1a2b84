#include "../conformance_worlds.h"
#include "fake_nccl_world.h"
#include "nccl/nccl_group.h"
#include "support/thread_ranks.h"

// The suite on nccl, over a NCCL and CUDA in ordinary memory.
namespace trireme::collectives::test {
namespace {

World nccl_world(int ranks) {
  const auto run = [ranks](const RankBody& body) {
    FakeNcclWorld nccl;
    trireme::test::run_thread_ranks(ranks, [&](const trireme::test::ThreadRank& rank) {
      const NcclOptions options{.rank = rank.rank, .size = rank.size, .timeout = kPatience, .ranks_per_id = 3};
      body(*make_nccl_over(nccl.add_rank(), rank.store, options));
    });
    EXPECT_EQ(nccl.mixed_operations(), 0);
    EXPECT_EQ(nccl.live_allocations(), 0);
  };
  return {"nccl_threads_" + std::to_string(ranks), ranks, run, false};
}

std::vector<World> worlds_of_at_least(int ranks) {
  std::vector<World> worlds;
  for (const int size : sizes_of_thread_worlds(ranks)) worlds.push_back(nccl_world(size));
  return worlds;
}

INSTANTIATE_TEST_SUITE_P(Nccl, CommunicatorConformance, testing::ValuesIn(worlds_of_at_least(1)), name_of);
INSTANTIATE_TEST_SUITE_P(Nccl, PeerConformance, testing::ValuesIn(worlds_of_at_least(2)), name_of);

}  // namespace
}  // namespace trireme::collectives::test
