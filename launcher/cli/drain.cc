#include <CLI/CLI.hpp>
#include <iostream>

#include "cli/cluster_access.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "trireme/base/message.h"

namespace trireme::launcher {

namespace {

struct DrainOptions {
  std::string cluster = "default";
  std::string node;
  std::optional<double> cancel_after;
};

int drain_node(const DrainOptions& options) {
  const ClusterRecord record = require_cluster(options.cluster);
  const NodeView node = connect_to(record).drain(options.node, options.cancel_after);
  std::cout << message("{} gets no new ranks; {} run there\n", node.name, node.ranks);
  return kOk;
}

int undrain_node(const DrainOptions& options) {
  const ClusterRecord record = require_cluster(options.cluster);
  const NodeView node = connect_to(record).undrain(options.node);
  std::cout << message("{} is {}\n", node.name, node.state);
  return kOk;
}

void add_common_options(CLI::App& command, const std::shared_ptr<DrainOptions>& options) {
  command.add_option("node", options->node, "The node's name, such as node1")->required();
  command.add_option("--cluster", options->cluster, "The cluster's name")->capture_default_str();
}

}  // namespace

void add_drain(CLI::App& app, Action& action) {
  auto options = std::make_shared<DrainOptions>();
  CLI::App* command = app.add_subcommand("drain", "Give a node no new ranks; what runs there goes on");
  add_common_options(*command, options);
  command->add_option("--cancel-after", options->cancel_after, "Seconds after which runs there are cancelled; never")
      ->check(CLI::NonNegativeNumber);
  command->footer(
      "Example: launcher drain node1 --cancel-after 600\n"
      "A Dask worker of up --dask goes on too, until runs are cancelled: then it hands its results to the others "
      "first.\n"
      "Undo it with: launcher undrain node1");
  command->callback([options, &action] { action = [options] { return drain_node(*options); }; });
}

void add_undrain(CLI::App& app, Action& action) {
  auto options = std::make_shared<DrainOptions>();
  CLI::App* command = app.add_subcommand("undrain", "Give a drained node ranks again");
  add_common_options(*command, options);
  command->footer("Example: launcher undrain node1");
  command->callback([options, &action] { action = [options] { return undrain_node(*options); }; });
}

}  // namespace trireme::launcher
