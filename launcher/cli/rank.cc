#include <CLI/CLI.hpp>
#include <cstdlib>

#include "agent/shim.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"

namespace trireme::launcher {

namespace {

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

struct RankOptions {
  std::string run_id;
  int rank = -1;
};

int be_shim(const RankOptions& options) {
  const std::string from_mpirun = variable("OMPI_COMM_WORLD_RANK");
  const std::string socket = variable("TRIREME_STATUS_SOCKET");
  if (socket.empty() || (options.rank < 0 && from_mpirun.empty())) {
    throw CommandError(kBadInput, "launcher rank is started by an agent or by mpirun inside a run; use launcher run");
  }
  const int rank = options.rank >= 0 ? options.rank : std::atoi(from_mpirun.c_str());
  return run_shim({.run_id = options.run_id, .rank = rank, .agent_socket = socket});
}

}  // namespace

void add_rank(CLI::App& app, Action& action) {
  auto options = std::make_shared<RankOptions>();
  CLI::App* command = app.add_subcommand("rank", "Run one rank's program under its node's agent")->group("");
  command->add_option("--run", options->run_id, "The run's id")->required();
  command->add_option("--rank", options->rank, "The rank; mpirun's OMPI_COMM_WORLD_RANK unless given");
  command->footer("Example: launcher rank --run r-0001 --rank 0");
  command->callback([options, &action] { action = [options] { return be_shim(*options); }; });
}

}  // namespace trireme::launcher
