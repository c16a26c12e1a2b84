#include <vector>

#include "communicator_conformance.h"
#include "support/process_ranks.h"
#include "support/thread_ranks.h"
#include "trireme/collectives/shm.h"
#include "trireme/collectives/single.h"

// The suite on the backends whose worlds this process can start itself.
namespace trireme::collectives::test {
namespace {

// Small, so that the larger sizes take several chunks.
constexpr std::size_t kStagingBytes = 32768;

ShmOptions shm_options(int rank, int size) {
  return {.rank = rank, .size = size, .timeout = kPatience, .staging_bytes = kStagingBytes};
}

World single_world() {
  return {"single", 1, [](const RankBody& body) { body(*make_single()); }};
}

World thread_world(int ranks) {
  const auto run = [ranks](const RankBody& body) {
    trireme::test::run_thread_ranks(ranks, [&](const trireme::test::ThreadRank& rank) {
      body(*make_shm(rank.store, shm_options(rank.rank, rank.size)));
    });
  };
  return {"shm_threads_" + std::to_string(ranks), ranks, run};
}

World process_world(int ranks) {
  const auto run = [ranks](const RankBody& body) {
    trireme::test::ProcessRanks world({.size = ranks}, [&](const trireme::test::ProcessRank& rank) {
      const auto store = rank.connect();
      body(*make_shm(*store, shm_options(rank.rank(), rank.size())));
      return testing::Test::HasFailure() ? 1 : 0;
    });
    for (const auto& result : world.wait()) EXPECT_EQ(result.exit_code, 0) << result.report;
  };
  return {"shm_processes_" + std::to_string(ranks), ranks, run};
}

// Sanitizers are slow, and find in three ranks what they find in seven.
#ifdef TRIREME_FEW_WORLDS
const std::vector<int> kThreads = {2, 3};
const std::vector<int> kProcesses = {3};
#else
const std::vector<int> kThreads = {2, 3, 4, 6, 7};
const std::vector<int> kProcesses = {2, 3, 4};
#endif

std::vector<World> worlds(World (*make)(int), const std::vector<int>& sizes) {
  std::vector<World> made;
  for (const int size : sizes) made.push_back(make(size));
  return made;
}

INSTANTIATE_TEST_SUITE_P(Single, CommunicatorConformance, testing::Values(single_world(), thread_world(1)), name_of);
INSTANTIATE_TEST_SUITE_P(Threads, CommunicatorConformance, testing::ValuesIn(worlds(thread_world, kThreads)), name_of);
INSTANTIATE_TEST_SUITE_P(Processes, CommunicatorConformance, testing::ValuesIn(worlds(process_world, kProcesses)),
                         name_of);
INSTANTIATE_TEST_SUITE_P(Threads, PeerConformance, testing::ValuesIn(worlds(thread_world, kThreads)), name_of);
INSTANTIATE_TEST_SUITE_P(Processes, PeerConformance, testing::ValuesIn(worlds(process_world, kProcesses)), name_of);

}  // namespace
}  // namespace trireme::collectives::test
