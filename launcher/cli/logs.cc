#include <CLI/CLI.hpp>

#include "cli/cluster_access.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/output_printer.h"
#include "cli/past_runs.h"

namespace trireme::launcher {

namespace {

struct LogsOptions {
  std::string cluster = "default";
  std::string run_id;
  bool follow = false;
};

int show_logs(const LogsOptions& options) {
  const OutputPrinter printer;
  const auto print = [&](const LogEntry& entry) { printer.print(entry); };
  if (const std::optional<ClusterRecord> record = find_cluster(options.cluster)) {
    SchedulerClient client = connect_to(*record);
    client.follow(options.run_id, options.follow, {.on_line = print, .on_run = nullptr});
  } else {
    print_past_log(options.cluster, options.run_id, print);
  }
  return kOk;
}

}  // namespace

void add_logs_options(CLI::App& command, Action& action) {
  auto options = std::make_shared<LogsOptions>();
  command.add_option("run", options->run_id, "The run's id, such as r-0001")->required();
  command.add_flag("-f,--follow", options->follow, "Go on until the run has ended");
  command.add_option("--cluster", options->cluster, "The cluster's name")->capture_default_str();
  command.footer("Example: launcher logs -f r-0001");
  command.callback([options, &action] { action = [options] { return show_logs(*options); }; });
}

void add_logs(CLI::App& app, Action& action) {
  add_logs_options(*app.add_subcommand("logs", "Show what a run's ranks wrote"), action);
}

}  // namespace trireme::launcher
