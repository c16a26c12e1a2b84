#include <CLI/CLI.hpp>
#include <iostream>

#include <nlohmann/json.hpp>

#include "cli/cluster_access.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "jobs/run_spec.h"
#include "providers/local/local_provider.h"
#include "trireme/base/message.h"

namespace trireme::launcher {

namespace {

struct ScaleOptions {
  std::string cluster = "default";
  int nodes = 0;
  std::optional<double> cancel_after;
  bool json = false;
};

int scale_cluster(const ScaleOptions& options) {
  const ClusterLock lock = lock_cluster(options.cluster);
  const std::optional<ClusterRecord> record = load_cluster(options.cluster);
  if (!record || !is_answering(*record)) {
    throw CommandError(kNotFound, message("no cluster {} of this machine is up; start one: launcher up{} --nodes {}",
                                          options.cluster, cluster_option(options.cluster), options.nodes));
  }
  const ClusterRecord scaled = make_local_provider()->scale(*record, options.nodes, options.cancel_after,
                                                            [](const std::string& line) { std::cerr << line << '\n'; });
  if (options.json) {
    std::cout << nlohmann::json{{"name", scaled.name}, {"nodes", scaled.nodes}}.dump() << '\n';
  } else {
    std::cout << message("cluster {} has {} node{}\n", scaled.name, scaled.nodes, scaled.nodes == 1 ? "" : "s");
  }
  return kOk;
}

}  // namespace

void add_scale(CLI::App& app, Action& action) {
  auto options = std::make_shared<ScaleOptions>();
  CLI::App* command = app.add_subcommand("scale", "Give a cluster more or fewer nodes; runs go on");
  command->add_option("nodes", options->nodes, message("How many nodes, 1 to {}", kMostNodes))
      ->check(CLI::Range(1, kMostNodes))
      ->required();
  command->add_option("--cluster", options->cluster, "The cluster's name")->capture_default_str();
  command
      ->add_option("--cancel-after", options->cancel_after,
                   "Seconds after which runs on nodes that leave are cancelled; never")
      ->check(CLI::NonNegativeNumber);
  command->add_flag("--json", options->json, "Print {name, nodes} instead of text");
  command->footer(
      "Example: launcher scale 6\n"
      "         launcher scale 2 --cancel-after 60\n"
      "Nodes with the fewest ranks leave first, each once the runs on it have ended. Dask workers of up --dask do not\n"
      "count: nodes that come get one, and one whose node leaves hands its results to the others and ends.");
  command->callback([options, &action] { action = [options] { return scale_cluster(*options); }; });
}

}  // namespace trireme::launcher
