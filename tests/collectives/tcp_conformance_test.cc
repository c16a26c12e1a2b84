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

INSTANTIATE_TEST_SUITE_P(TcpThreads, CommunicatorConformance,
                         testing::Values(thread_world(1), thread_world(2), thread_world(3), thread_world(4),
                                         thread_world(6), thread_world(7)),
                         name_of);
INSTANTIATE_TEST_SUITE_P(TcpProcesses, CommunicatorConformance, testing::Values(process_world(2), process_world(3)),
                         name_of);
INSTANTIATE_TEST_SUITE_P(TcpThreads, PeerConformance,
                         testing::Values(thread_world(2), thread_world(3), thread_world(4), thread_world(7)), name_of);
INSTANTIATE_TEST_SUITE_P(TcpProcesses, PeerConformance, testing::Values(process_world(2), process_world(3)), name_of);

}  // namespace
}  // namespace trireme::collectives::test
