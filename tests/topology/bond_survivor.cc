#include <poll.h>

#include <chrono>
#include <cstdio>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "trireme/base/store.h"
#include "trireme/collectives/tcp.h"
#include "trireme/topology/choices.h"

// One of two ranks that reduce without a pause, while bond_of_veths.sh takes the link below them away and gives it
// back. Rank 0 answers every line of its standard input with "ok N" when N more reductions have succeeded, and ends
// with it. Usage: bond_survivor --rank R --size 2 --store HOST:PORT --interface NAME
namespace {

using namespace trireme;
using namespace trireme::collectives;

constexpr int kElements = 1 << 18;  // 1 MiB: several segments are always on the way
constexpr int kAfterACommand = 20;
constexpr std::chrono::seconds kPatience{20};

struct Options {
  int rank = 0;
  int size = 2;
  std::string host;
  std::uint16_t port = 0;
  std::string interface;
};

bool input_is_waiting() {
  pollfd watched{0, POLLIN, 0};
  return poll(&watched, 1, 0) > 0;
}

// The interface topology would choose must be the whole, which keeps the address, and none of its parts.
void check_choice(const Options& options) {
  const auto machine = topology::inspect_machine();
  const auto choice = topology::choose_interface(machine, options.rank == 0 ? "10.78.0.2" : "10.78.0.1");
  if (choice.name == options.interface) return;
  throw std::runtime_error("topology chose \"" + choice.name + "\" (" + choice.reason + ") and not " +
                           options.interface);
}

// One reduction; the last element is 1 on rank 0 while there is more to come. Returns whether there is.
bool reduce_once(Communicator& communicator, std::vector<float>& values, bool has_more) {
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(communicator.rank() + 1);
  values.back() = communicator.rank() == 0 && has_more ? 1.0F : 0.0F;
  communicator
      .all_reduce(Buffer(values.data(), static_cast<std::int64_t>(values.size()), Dtype::kFloat32),
                  {.timeout = kPatience})
      ->wait();
  for (std::size_t i = 0; i + 1 < values.size(); ++i) {
    if (values[i] != 3.0F) throw std::runtime_error("a wrong sum at element " + std::to_string(i));
  }
  return values.back() != 0.0F;
}

void follow_commands(Communicator& communicator, std::vector<float>& values) {
  for (std::string command;;) {
    reduce_once(communicator, values, true);
    if (!input_is_waiting()) continue;
    if (!std::getline(std::cin, command)) break;
    for (int i = 0; i < kAfterACommand; ++i) reduce_once(communicator, values, true);
    std::cout << "ok " << kAfterACommand << " after " << command << std::endl;
  }
  reduce_once(communicator, values, false);
}

void run(const Options& options) {
  check_choice(options);
  std::unique_ptr<TcpStoreServer> server;
  if (options.rank == 0) {
    server = std::make_unique<TcpStoreServer>(TcpStoreServer::Options{.host = options.host, .port = options.port});
  }
  TcpStore store({.host = options.host, .port = options.port, .rank = options.rank, .node = "node"});
  const auto communicator = make_tcp(
      store, {.rank = options.rank, .size = options.size, .timeout = kPatience, .interface = options.interface});
  std::vector<float> values(kElements);
  if (options.rank == 0) {
    follow_commands(*communicator, values);
  } else {
    while (reduce_once(*communicator, values, false)) {
    }
  }
  // Rank 0 serves the store until everybody is done with it.
  if (store.add("left", 1) == options.size) store.set("all_left", "");
  if (server) store.get("all_left", kPatience);
}

}  // namespace

int main(int argc, char** argv) try {
  std::map<std::string, std::string> given;
  for (int i = 1; i + 1 < argc; i += 2) given[argv[i]] = argv[i + 1];
  const auto store = given.at("--store");
  const auto colon = store.find(':');
  run({.rank = std::stoi(given.at("--rank")),
       .size = std::stoi(given.at("--size")),
       .host = store.substr(0, colon),
       .port = static_cast<std::uint16_t>(std::stoi(store.substr(colon + 1))),
       .interface = given.at("--interface")});
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "bond_survivor: error: %s\n", error.what());
  return 1;
}
