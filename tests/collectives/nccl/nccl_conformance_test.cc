#include "../communicator_conformance.h"
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

INSTANTIATE_TEST_SUITE_P(Nccl, CommunicatorConformance,
                         testing::Values(nccl_world(1), nccl_world(2), nccl_world(3), nccl_world(4), nccl_world(6),
                                         nccl_world(7)),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Nccl, PeerConformance,
                         testing::Values(nccl_world(2), nccl_world(3), nccl_world(4), nccl_world(6), nccl_world(7)),
                         name_of);

}  // namespace
}  // namespace trireme::collectives::test
