#include <numeric>

#include "conformance_worlds.h"
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

// The world that `start` makes of ranks which are threads or processes.
World nodes_world(World (*start)(const std::string&, int, const MakeRank&), std::string name,
                  const std::vector<int>& nodes, int leaders) {
  for (const int size : nodes) name += "_" + std::to_string(size);
  name += "_leaders_" + std::to_string(leaders);
  auto world = start(name, std::accumulate(nodes.begin(), nodes.end(), 0),
                     [=](Store& store, int rank, int size) { return join(store, rank, size, nodes, leaders); });
  world.node_sizes = nodes;
  return world;
}

World threads(const std::vector<int>& nodes, int leaders) {
  return nodes_world(thread_world, "threads", nodes, leaders);
}

World processes(const std::vector<int>& nodes, int leaders) {
  return nodes_world(process_world, "processes", nodes, leaders);
}

#ifdef TRIREME_FEW_WORLDS
const std::vector<World> kThreads = {threads({2, 1}, 1), threads({2, 2}, 0)};
const std::vector<World> kPeers = kThreads;
#else
const std::vector<World> kThreads = {threads({1}, 1),    threads({1, 1}, 1), threads({2, 1}, 1),
                                     threads({2, 2}, 0), threads({1, 3}, 1), threads({2, 2, 2, 1}, 1)};
const std::vector<World> kPeers = {threads({1, 1}, 1), threads({2, 1}, 1), threads({2, 2}, 0),
                                   threads({2, 2, 2, 1}, 1)};
#endif

INSTANTIATE_TEST_SUITE_P(HierarchicalThreads, CommunicatorConformance, testing::ValuesIn(kThreads), name_of);
INSTANTIATE_TEST_SUITE_P(HierarchicalProcesses, CommunicatorConformance, testing::Values(processes({2, 2}, 1)),
                         name_of);
INSTANTIATE_TEST_SUITE_P(HierarchicalThreads, PeerConformance, testing::ValuesIn(kPeers), name_of);
INSTANTIATE_TEST_SUITE_P(HierarchicalProcesses, PeerConformance, testing::Values(processes({2, 2}, 1)), name_of);

}  // namespace
}  // namespace trireme::collectives::test
