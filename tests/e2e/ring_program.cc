// A program without LibTorch for the launcher's end-to-end tests: ranks meet at barriers until told otherwise.
//
// ring_program [--steps N] [--until FILE] [--fail-rank R --exit-code C] [--hang-rank R] [--timeout-ms N]
// Ends after N barriers, or once FILE exists. The fail rank leaves with C after its third barrier, the hang rank sleeps
// for good. Others wait for it as long as the timeout says.
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "trireme/base/error.h"
#include "trireme/base/message.h"
#include "trireme/base/rank_environment.h"
#include "trireme/base/status_record.h"
#include "trireme/base/store.h"
#include "trireme/collectives/flight_record.h"
#include "trireme/collectives/mpi.h"
#include "trireme/collectives/shm.h"
#include "trireme/collectives/single.h"

namespace trireme {
namespace {

using Arguments = std::map<std::string, std::string>;

Arguments parse(int argc, char** argv) {
  Arguments arguments;
  for (int index = 1; index + 1 < argc; index += 2) arguments[argv[index]] = argv[index + 1];
  return arguments;
}

long number(const Arguments& arguments, const std::string& name, long otherwise) {
  const auto found = arguments.find(name);
  return found == arguments.end() ? otherwise : std::stol(found->second);
}

std::unique_ptr<TcpStore> connect(const RankEnvironment& environment) {
  if (!environment.store) return nullptr;
  const std::size_t colon = environment.store->rfind(':');
  return std::make_unique<TcpStore>(
      TcpStore::Options{.host = environment.store->substr(0, colon),
                        .port = static_cast<std::uint16_t>(std::stoi(environment.store->substr(colon + 1))),
                        .connect_timeout = std::chrono::seconds(30),
                        .rank = environment.rank,
                        .node = environment.node});
}

std::unique_ptr<collectives::Communicator> make_world(const RankEnvironment& environment, TcpStore* store) {
  if (environment.world_size == 1) return collectives::make_single();
  if (environment.has_mpi_launcher) return collectives::make_mpi(environment.world_size, store);
  if (store == nullptr) throw ConfigError("ring_program needs mpirun or a store");
  return collectives::make_shm(*store, {.rank = environment.rank, .size = environment.world_size});
}

int run(const Arguments& arguments) {
  const RankEnvironment environment = read_rank_environment();
  const std::unique_ptr<TcpStore> store = connect(environment);
  const std::unique_ptr<collectives::Communicator> world = make_world(environment, store.get());
  const collectives::FlightRecordOnSigterm on_sigterm;
  StatusReporter reporter(environment.status_socket);
  const collectives::CommOptions patience{.timeout =
                                              std::chrono::milliseconds(number(arguments, "--timeout-ms", 300'000))};
  const bool hangs = number(arguments, "--hang-rank", -1) == world->rank();
  const bool fails = number(arguments, "--fail-rank", -1) == world->rank();
  const long steps = number(arguments, "--steps", 1'000'000'000);
  const auto until = arguments.find("--until");

  std::cout << message("rank {} of {} on {} is pid {}", world->rank(), world->size(), environment.node, getpid())
            << std::endl;
  for (long step = 1; step <= steps; ++step) {
    world->barrier(patience);
    if (step == 3 && hangs) std::this_thread::sleep_for(std::chrono::hours(1));
    if (step == 3 && fails) std::_Exit(static_cast<int>(number(arguments, "--exit-code", 3)));
    const bool is_told = until != arguments.end() && world->rank() == 0 && std::filesystem::exists(until->second);
    reporter.report({.run_id = environment.run_id.value_or(""),
                     .rank = world->rank(),
                     .time = static_cast<double>(std::time(nullptr)),
                     .phase = "train",
                     .step = step,
                     .metrics = {{"loss", 1.0 / static_cast<double>(step)}},
                     .collective = std::nullopt});
    if (world->broadcast_bytes(is_told ? "end" : "go", 0, patience) == "end") break;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  std::cout << message("rank {} is done", world->rank()) << std::endl;
  return 0;
}

}  // namespace
}  // namespace trireme

int main(int argc, char** argv) try {
  return trireme::run(trireme::parse(argc, argv));
} catch (const std::exception& error) {
  std::cerr << "ring_program: " << error.what() << std::endl;
  std::_Exit(9);  // MPI_Finalize would wait for a rank that is gone
}
