#include <CLI/CLI.hpp>
#include <iostream>

#include "cli/cluster_access.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "providers/local/local_provider.h"
#include "trireme/base/message.h"

namespace trireme::launcher {

namespace {

int take_down(const std::string& name) {
  const std::optional<ClusterRecord> record = load_cluster(name);
  if (!record) {
    throw CommandError(kNotFound,
                       message("no cluster {} is up, so there is nothing to take down; see: launcher status", name));
  }
  const ClusterLock lock = lock_cluster(name);
  make_local_provider()->down(*record, [](const std::string& line) { std::cerr << line << '\n'; });
  std::cout << message("cluster {} is down; its history stays in {}\n", name, state_folder(name).string());
  return kOk;
}

}  // namespace

void add_down(CLI::App& app, Action& action) {
  auto name = std::make_shared<std::string>("default");
  CLI::App* command = app.add_subcommand("down", "End a cluster: its runs, nodes and scheduler; history stays");
  command->add_option("--name,--cluster", *name, "The cluster's name")->capture_default_str();
  command->footer("Example: launcher down\nExit code 3 when no such cluster is up.");
  command->callback([name, &action] { action = [name] { return take_down(*name); }; });
}

}  // namespace trireme::launcher
