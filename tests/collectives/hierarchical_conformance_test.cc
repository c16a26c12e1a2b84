#include "communicator_conformance.h"
#include "reference.h"
#include "support/process_ranks.h"
#include "support/thread_ranks.h"
#include "trireme/collectives/hierarchical.h"
#include "trireme/collectives/shm.h"
#include "trireme/collectives/tcp.h"

// The suite on nodes over shm that are joined by tcp. The split tests of the suite take every other rank, which puts
// each on a node of its own, so no node but the last has more than two ranks where the world has more than four.
namespace trireme::collectives::test {
namespace {

struct Place {
  int node = 0;
  int first = 0;  // rank of the node
  int size = 1;   // of the node
};

Place place_of(int rank, const std::vector<int>& nodes) {
  Place place;
  for (int first = 0; place.node < static_cast<int>(nodes.size()); first += nodes[place.node++]) {
    place.first = first;
    place.size = nodes[place.node];
    if (rank < first + place.size) break;
  }
  return place;
}

// Small parts, so that the larger sizes take several.
std::unique_ptr<Communicator> join(Store& store, int rank, int size, const std::vector<int>& nodes, int leaders) {
  const auto place = place_of(rank, nodes);
  auto world = make_tcp(store, {.rank = rank, .size = size, .timeout = kPatience});
  auto node = make_shm(store, {.rank = rank - place.first,
                               .size = place.size,
                               .name = "node" + std::to_string(place.node),
                               .timeout = kPatience,
                               .global_rank = rank,
                               .staging_bytes = 32768});
  return make_hierarchical(std::move(world), std::move(node), {.leaders = leaders, .part_bytes = 16384});
}

std::string name_of_nodes(const char* kind, const std::vector<int>& nodes, int leaders) {
  std::string name = kind;
  for (const int size : nodes) name += "_" + std::to_string(size);
  return name + "_leaders_" + std::to_string(leaders);
}

int sum_of(const std::vector<int>& nodes) {
  int sum = 0;
  for (const int size : nodes) sum += size;
  return sum;
}

World thread_world(const std::vector<int>& nodes, int leaders) {
  const int ranks = sum_of(nodes);
  const auto run = [=](const RankBody& body) {
    trireme::test::run_thread_ranks(ranks, [&](const trireme::test::ThreadRank& rank) {
      body(*join(rank.store, rank.rank, rank.size, nodes, leaders));
    });
  };
  return {name_of_nodes("threads", nodes, leaders), ranks, run, true, nodes};
}

World process_world(const std::vector<int>& nodes, int leaders) {
  const int ranks = sum_of(nodes);
  const auto run = [=](const RankBody& body) {
    trireme::test::ProcessRanks world({.size = ranks}, [&](const trireme::test::ProcessRank& rank) {
      const auto store = rank.connect();
      body(*join(*store, rank.rank(), rank.size(), nodes, leaders));
      return testing::Test::HasFailure() ? 1 : 0;
    });
    for (const auto& result : world.wait()) EXPECT_EQ(result.exit_code, 0) << result.report;
  };
  return {name_of_nodes("processes", nodes, leaders), ranks, run, true, nodes};
}

std::vector<World> thread_worlds() {
#ifdef TRIREME_FEW_WORLDS
  return {thread_world({2, 1}, 1), thread_world({2, 2}, 0)};
#else
  return {thread_world({1}, 1),    thread_world({1, 1}, 1), thread_world({2, 1}, 1),
          thread_world({2, 2}, 0), thread_world({1, 3}, 1), thread_world({2, 2, 2, 1}, 1)};
#endif
}

INSTANTIATE_TEST_SUITE_P(HierarchicalThreads, CommunicatorConformance, testing::ValuesIn(thread_worlds()), name_of);
INSTANTIATE_TEST_SUITE_P(HierarchicalProcesses, CommunicatorConformance, testing::Values(process_world({2, 2}, 1)),
                         name_of);
INSTANTIATE_TEST_SUITE_P(HierarchicalThreads, PeerConformance,
                         testing::Values(thread_world({1, 1}, 1), thread_world({2, 1}, 1), thread_world({2, 2}, 0),
                                         thread_world({2, 2, 2, 1}, 1)),
                         name_of);
INSTANTIATE_TEST_SUITE_P(HierarchicalProcesses, PeerConformance, testing::Values(process_world({2, 2}, 1)), name_of);

}  // namespace
}  // namespace trireme::collectives::test
