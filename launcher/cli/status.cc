#include <CLI/CLI.hpp>
#include <iostream>

#include <nlohmann/json.hpp>

#include "cli/cluster_access.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/tables.h"
#include "scheduler/clock.h"
#include "trireme/base/message.h"

namespace trireme::launcher {

namespace {

struct StatusOptions {
  std::string name = "default";
  bool watch = false;
  bool json = false;
};

void print(const ClusterSnapshot& snapshot, const StatusOptions& options) {
  if (options.json) {
    std::cout << to_json(snapshot).dump(options.watch ? -1 : 2) << std::endl;
  } else {
    std::cout << format_status(snapshot, seconds_since_epoch()) << std::flush;
  }
}

int show_status(const StatusOptions& options) {
  const ClusterRecord record = require_cluster(options.name);
  SchedulerClient client = connect_to(record);
  if (!options.watch) {
    print(client.status(), options);
    return kOk;
  }
  client.watch_status([&](const ClusterSnapshot& snapshot) {
    if (!options.json) std::cout << "\033[H\033[2J";
    print(snapshot, options);
    return snapshot.state != "stopping";
  });
  return kOk;
}

}  // namespace

void add_status(CLI::App& app, Action& action) {
  auto options = std::make_shared<StatusOptions>();
  CLI::App* command = app.add_subcommand("status", "Show the cluster: nodes, runs, addresses");
  command->add_option("--name,--cluster", options->name, "The cluster's name")->capture_default_str();
  command->add_flag("--watch", options->watch, "Show again after every change, until Ctrl-C");
  command->add_flag("--json", options->json, "Print JSON; with --watch one line a change");
  command->footer("Example: launcher status --json");
  command->callback([options, &action] { action = [options] { return show_status(*options); }; });
}

}  // namespace trireme::launcher
