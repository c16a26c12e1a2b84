#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "communicator_conformance.h"
#include "trireme/base/store.h"
#include "trireme/collectives/hierarchical.h"
#include "trireme/collectives/shm.h"
#include "trireme/collectives/tcp.h"

// The suite where every process is one rank and runs all tests in the same order. This program is a node, which is a
// machine or a network namespace: one rank that talks tcp, or with --per-node so many, over hierarchical. Rank 0 serves
// the store.
// Usage: nodes_conformance --rank NODE --size NODES --store HOST:PORT [--per-node K]
namespace trireme::collectives::test {
namespace {

struct Rank {
  int node = 0;
  int nodes = 1;
  int local = 0;
  int per_node = 0;  // 0: one, without a level for the node
  int rank = 0;
  int size = 1;
  std::unique_ptr<TcpStoreServer> server;
  std::unique_ptr<TcpStore> store;
  int groups = 0;
};

Rank& this_rank() {
  static Rank rank;
  return rank;
}

void enter(const std::string& address) {
  auto& own = this_rank();
  const auto colon = address.find(':');
  const auto host = address.substr(0, colon);
  const auto port = static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1)));
  if (own.rank == 0) own.server = std::make_unique<TcpStoreServer>(TcpStoreServer::Options{.host = host, .port = port});
  own.store = std::make_unique<TcpStore>(
      TcpStore::Options{.host = host, .port = port, .rank = own.rank, .node = "node" + std::to_string(own.node)});
}

// The store stays until everybody is done with it.
void leave() {
  auto& own = this_rank();
  if (own.store->add("left", 1) == own.size) own.store->set("all_left", "");
  if (own.server) own.store->get("all_left", std::chrono::minutes(1));
  own.store.reset();
  own.server.reset();
}

// Small parts, so that the larger sizes take several.
std::unique_ptr<Communicator> join(const std::string& name) {
  auto& own = this_rank();
  auto world = make_tcp(*own.store, {.rank = own.rank, .size = own.size, .name = name, .timeout = kPatience});
  if (own.per_node == 0) return world;
  auto node = make_shm(*own.store, {.rank = own.local,
                                    .size = own.per_node,
                                    .name = name + "_node" + std::to_string(own.node),
                                    .timeout = kPatience,
                                    .global_rank = own.rank});
  return make_hierarchical(std::move(world), std::move(node), {.leaders = 1, .part_bytes = 16384});
}

World world_of_nodes() {
  auto& own = this_rank();
  const auto run = [&own](const RankBody& body) { body(*join("group" + std::to_string(own.groups++))); };
  World world{"nodes_" + std::to_string(own.nodes) + "_with_" + std::to_string(std::max(1, own.per_node)), own.size,
              run};
  if (own.per_node > 0) world.node_sizes.assign(static_cast<std::size_t>(own.nodes), own.per_node);
  return world;
}

INSTANTIATE_TEST_SUITE_P(Nodes, CommunicatorConformance, testing::Values(world_of_nodes()), name_of);
INSTANTIATE_TEST_SUITE_P(Nodes, PeerConformance, testing::Values(world_of_nodes()), name_of);

// Makes this process one of the node's ranks; the first has the others as children.
std::vector<pid_t> become_rank() {
  auto& own = this_rank();
  const int count = std::max(1, own.per_node);
  std::vector<pid_t> children;
  for (int local = 1; local < count; ++local) {
    const auto child = ::fork();
    if (child == 0) {
      own.local = local;
      children.clear();
      break;
    }
    children.push_back(child);
  }
  own.rank = own.node * count + own.local;
  own.size = own.nodes * count;
  return children;
}

bool all_succeed(const std::vector<pid_t>& children) {
  return std::ranges::all_of(children, [](pid_t child) {
    int status = -1;
    return child > 0 && ::waitpid(child, &status, 0) == child && status == 0;
  });
}

}  // namespace
}  // namespace trireme::collectives::test

int main(int argc, char** argv) {
  std::map<std::string, std::string> arguments;
  for (int i = 1; i + 1 < argc; i += 2) arguments[argv[i]] = argv[i + 1];
  try {
    auto& own = trireme::collectives::test::this_rank();
    own.node = std::stoi(arguments.at("--rank"));
    own.nodes = std::stoi(arguments.at("--size"));
    own.per_node = arguments.contains("--per-node") ? std::stoi(arguments.at("--per-node")) : 0;
    const auto children = trireme::collectives::test::become_rank();
    testing::InitGoogleTest(&argc, argv);
    trireme::collectives::test::enter(arguments.at("--store"));
    const int result = RUN_ALL_TESTS();
    trireme::collectives::test::leave();
    return trireme::collectives::test::all_succeed(children) ? result : 1;
  } catch (const std::exception& error) {
    std::cerr << "nodes_conformance: " << error.what() << '\n';
    return 70;
  }
}
