#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>

#include "cli/cluster_access.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "trireme/base/message.h"

namespace trireme::launcher {

namespace {

struct CancelOptions {
  std::string cluster = "default";
  std::string run_id;
  bool force = false;
};

// By its state: the log, which follow() reads first, may be long.
void wait_for_end(SchedulerClient& client, const std::string& run_id) {
  client.watch_status([&](const ClusterSnapshot& snapshot) {
    const auto run = std::ranges::find(snapshot.runs, run_id, &RunView::run_id);
    return run != snapshot.runs.end() && !run->ended;
  });
}

int cancel_run(const CancelOptions& options) {
  const ClusterRecord record = require_cluster(options.cluster);
  SchedulerClient client = connect_to(record);
  const std::string before = client.cancel(options.run_id, options.force, "launcher cancel");
  if (before == "succeeded" || before == "failed" || before == "cancelled") {
    std::cout << message("{} had already ended: {}\n", options.run_id, before);
    return kOk;
  }
  wait_for_end(client, options.run_id);
  std::cout << message("{} is {}\n", options.run_id, client.run(options.run_id).status);
  return kOk;
}

}  // namespace

void add_cancel(CLI::App& app, Action& action) {
  auto options = std::make_shared<CancelOptions>();
  CLI::App* command = app.add_subcommand("cancel", "End a run: SIGTERM, five seconds later SIGKILL");
  command->add_option("run", options->run_id, "The run's id, such as r-0001")->required();
  command->add_flag("--force", options->force, "SIGKILL at once");
  command->add_option("--cluster", options->cluster, "The cluster's name")->capture_default_str();
  command->footer("Example: launcher cancel r-0001");
  command->callback([options, &action] { action = [options] { return cancel_run(*options); }; });
}

}  // namespace trireme::launcher
