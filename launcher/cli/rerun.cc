#include <CLI/CLI.hpp>
#include <iostream>

#include <nlohmann/json.hpp>

#include "cli/cluster_access.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "trireme/base/message.h"

namespace trireme::launcher {

namespace {

struct RerunOptions {
  std::string cluster = "default";
  std::string run_id;
  bool json = false;
};

int rerun(const RerunOptions& options) {
  const ClusterRecord record = require_cluster(options.cluster);
  const std::string run_id = connect_to(record).rerun(options.run_id);
  if (options.json) {
    std::cout << nlohmann::json{{"run_id", run_id}}.dump() << '\n';
    return kOk;
  }
  std::cout << run_id << '\n';
  std::cerr << message("follow it: launcher logs -f{} {}\n", cluster_option(options.cluster), run_id);
  return kOk;
}

}  // namespace

void add_rerun(CLI::App& app, Action& action) {
  auto options = std::make_shared<RerunOptions>();
  CLI::App* command = app.add_subcommand("rerun", "Submit again what an earlier run was asked for");
  command->add_option("run", options->run_id, "The run's id, such as r-0001")->required();
  command->add_option("--cluster", options->cluster, "The cluster's name")->capture_default_str();
  command->add_flag("--json", options->json, "Print {run_id}");
  command->footer("Example: launcher rerun r-0001\nProgram, folder and environment are those of that run.");
  command->callback([options, &action] { action = [options] { return rerun(*options); }; });
}

}  // namespace trireme::launcher
