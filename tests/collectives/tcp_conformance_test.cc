#include <vector>

#include "communicator_conformance.h"
#include "support/process_ranks.h"
#include "support/thread_ranks.h"
#include "trireme/collectives/tcp.h"

// The suite on tcp, with ranks as threads and as processes. Network namespaces: tcp_namespaces.sh.
namespace trireme::collectives::test {
namespace {

TcpOptions tcp_options(int rank, int size) { return {.rank = rank, .size = size, .timeout = kPatience}; }

World thread_world(int ranks) {
  const auto run = [ranks](const RankBody& body) {
    trireme::test::run_thread_ranks(ranks, [&](const trireme::test::ThreadRank& rank) {
      body(*make_tcp(rank.store, tcp_options(rank.rank, rank.size)));
    });
  };
  return {"tcp_threads_" + std::to_string(ranks), ranks, run};
}

World process_world(int ranks) {
  const auto run = [ranks](const RankBody& body) {
    trireme::test::ProcessRanks world({.size = ranks}, [&](const trireme::test::ProcessRank& rank) {
      const auto store = rank.connect();
      body(*make_tcp(*store, tcp_options(rank.rank(), rank.size())));
      return testing::Test::HasFailure() ? 1 : 0;
    });
    for (const auto& result : world.wait()) EXPECT_EQ(result.exit_code, 0) << result.report;
  };
  return {"tcp_processes_" + std::to_string(ranks), ranks, run};
}

// Sanitizers are slow, and find in three ranks what they find in seven.
#ifdef TRIREME_FEW_WORLDS
const std::vector<int> kThreads = {2, 3};
const std::vector<int> kProcesses = {3};
#else
const std::vector<int> kThreads = {1, 2, 3, 4, 6, 7};
const std::vector<int> kProcesses = {2, 3};
#endif

std::vector<World> worlds(World (*make)(int), const std::vector<int>& sizes, int smallest) {
  std::vector<World> made;
  for (const int size : sizes) {
    if (size >= smallest) made.push_back(make(size));
  }
  return made;
}

INSTANTIATE_TEST_SUITE_P(TcpThreads, CommunicatorConformance, testing::ValuesIn(worlds(thread_world, kThreads, 1)),
                         name_of);
INSTANTIATE_TEST_SUITE_P(TcpProcesses, CommunicatorConformance, testing::ValuesIn(worlds(process_world, kProcesses, 1)),
                         name_of);
INSTANTIATE_TEST_SUITE_P(TcpThreads, PeerConformance, testing::ValuesIn(worlds(thread_world, kThreads, 2)), name_of);
INSTANTIATE_TEST_SUITE_P(TcpProcesses, PeerConformance, testing::ValuesIn(worlds(process_world, kProcesses, 2)),
                         name_of);

}  // namespace
}  // namespace trireme::collectives::test
