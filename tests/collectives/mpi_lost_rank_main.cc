#include <chrono>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "trireme/base/error.h"
#include "trireme/base/message.h"
#include "trireme/base/store.h"
#include "trireme/collectives/mpi.h"

// A rank kills itself while the others reduce: each survivor must name it, its node and the cause within 2 s, because a
// store watches them. Prints "N survivors named rank R".
// Usage: mpirun --mca orte_enable_recovery 1 -np N mpi_lost_rank
namespace trireme::collectives {
namespace {

constexpr auto kPatience = std::chrono::seconds(30);
constexpr int kDyingStep = 5;

// The text of the error, when it is the promised one.
std::string reduce_until_a_rank_is_lost(Communicator& world, int victim) {
  std::vector<float> values(50'000, 1.0F);
  auto last_success = std::chrono::steady_clock::now();
  try {
    for (int step = 0;; ++step) {
      if (step == kDyingStep && world.rank() == victim) ::raise(SIGKILL);
      world.all_reduce(view(values.data(), static_cast<std::int64_t>(values.size())), {.timeout = kPatience})->wait();
      last_success = std::chrono::steady_clock::now();
    }
  } catch (const PeerLostError& lost) {
    const auto waited = std::chrono::steady_clock::now() - last_success;
    const std::string text = lost.what();
    const auto name = message("rank {} on node host{} is lost: connection closed", victim, victim);
    const bool is_promised = lost.rank() == victim && text.find(name) != std::string::npos;
    return is_promised && waited < std::chrono::seconds(2) ? "named" : "another error: " + text;
  } catch (const std::exception& error) {
    return std::string("another kind of error: ") + error.what();
  }
}

int run() {
  const int size = std::atoi(std::getenv("OMPI_COMM_WORLD_SIZE"));
  const auto plain = make_mpi(size);
  const int rank = plain->rank();
  const int victim = size - 1;
  std::unique_ptr<TcpStoreServer> server;
  if (rank == 0) server = std::make_unique<TcpStoreServer>(TcpStoreServer::Options{});
  const auto port = std::stoi(plain->broadcast_bytes(server ? std::to_string(server->port()) : "", 0));
  TcpStore store({.port = static_cast<std::uint16_t>(port), .rank = rank, .node = message("host{}", rank)});
  const auto world = make_mpi(size, &store);
  const auto result = reduce_until_a_rank_is_lost(*world, victim);
  store.set(message("result{}", rank), result);
  if (rank != 0) return 0;
  int named = 0;
  for (int survivor = 0; survivor < victim; ++survivor) {
    const auto of_survivor = store.get(message("result{}", survivor), kPatience);
    named += of_survivor == "named" ? 1 : 0;
    std::cout << message("rank {}: {}", survivor, of_survivor) << std::endl;
  }
  std::cout << message("{} survivors named rank {}", named, victim) << std::endl;
  return 0;
}

}  // namespace
}  // namespace trireme::collectives

// MPI_Finalize would wait for the rank that is gone.
int main() {
  try {
    std::_Exit(trireme::collectives::run());
  } catch (const std::exception& error) {
    std::cout << "mpi_lost_rank: " << error.what() << std::endl;
    std::_Exit(70);
  }
}
