#include <chrono>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "communicator_conformance.h"
#include "trireme/base/store.h"
#include "trireme/collectives/tcp.h"

// The suite where every process is one rank, on a machine or in a network namespace of its own, and runs all tests in
// the same order. Rank 0 serves the store.
// Usage: tcp_conformance --rank R --size N --store HOST:PORT
namespace trireme::collectives::test {
namespace {

struct Rank {
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
      TcpStore::Options{.host = host, .port = port, .rank = own.rank, .node = "node" + std::to_string(own.rank)});
}

// The store stays until everybody is done with it.
void leave() {
  auto& own = this_rank();
  if (own.store->add("left", 1) == own.size) own.store->set("all_left", "");
  if (own.server) own.store->get("all_left", std::chrono::minutes(1));
  own.store.reset();
  own.server.reset();
}

World tcp_world() {
  auto& own = this_rank();
  const auto run = [&own](const RankBody& body) {
    const auto name = "group" + std::to_string(own.groups++);
    body(*make_tcp(*own.store, {.rank = own.rank, .size = own.size, .name = name, .timeout = kPatience}));
  };
  return {"tcp_hosts_" + std::to_string(own.size), own.size, run};
}

INSTANTIATE_TEST_SUITE_P(TcpHosts, CommunicatorConformance, testing::Values(tcp_world()), name_of);
INSTANTIATE_TEST_SUITE_P(TcpHosts, PeerConformance, testing::Values(tcp_world()), name_of);

}  // namespace
}  // namespace trireme::collectives::test

int main(int argc, char** argv) {
  std::map<std::string, std::string> arguments;
  for (int i = 1; i + 1 < argc; i += 2) arguments[argv[i]] = argv[i + 1];
  try {
    auto& own = trireme::collectives::test::this_rank();
    own.rank = std::stoi(arguments.at("--rank"));
    own.size = std::stoi(arguments.at("--size"));
    testing::InitGoogleTest(&argc, argv);
    trireme::collectives::test::enter(arguments.at("--store"));
    const int result = RUN_ALL_TESTS();
    trireme::collectives::test::leave();
    return result;
  } catch (const std::exception& error) {
    std::cerr << "tcp_conformance: " << error.what() << '\n';
    return 70;
  }
}
