#include "agent/rsh.h"

#include <CLI/CLI.hpp>
#include <cstdlib>

#include "cli/commands.h"
#include "cli/exit_codes.h"

namespace trireme::launcher {

namespace {

std::string environment_text(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

}  // namespace

bool is_rsh(int argc, char** argv) {
  return argc > 2 && std::string(argv[1]) == "rsh" && std::string(argv[2]).find('-') != 0;
}

int be_rsh(int argc, char** argv) {
  return run_remotely(argv[2], {argv + 3, argv + argc}, environment_text("TRIREME_NODE_SOCKETS"),
                      environment_text("TRIREME_RUN_ID"));
}

void add_rsh(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("rsh", "What mpirun calls in place of ssh: rsh HOST COMMAND…")->group("");
  command->footer("Example: launcher rsh node1 orted");
  command->callback([&action] {
    action = []() -> int { throw CommandError(kBadInput, "launcher rsh needs HOST COMMAND…; mpirun calls it"); };
  });
}

}  // namespace trireme::launcher
