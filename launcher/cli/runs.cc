#include <CLI/CLI.hpp>
#include <iostream>

#include <nlohmann/json.hpp>

#include "cli/cluster_access.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/past_runs.h"
#include "cli/tables.h"
#include "scheduler/clock.h"
#include "trireme/base/message.h"

namespace trireme::launcher {

namespace {

struct RunsOptions {
  std::string cluster = "default";
  std::string run_id;
  bool json = false;
};

int list_runs(const RunsOptions& options) {
  const std::optional<ClusterRecord> record = find_cluster(options.cluster);
  const std::vector<RunView> runs = record ? connect_to(*record).runs() : load_past_runs(options.cluster);
  if (!options.json) {
    std::cout << format_runs(runs, seconds_since_epoch());
    return kOk;
  }
  nlohmann::json rows = nlohmann::json::array();
  for (const RunView& run : runs) rows.push_back(to_json(run));
  std::cout << rows.dump(2) << '\n';
  return kOk;
}

int show_run(const RunsOptions& options) {
  const std::optional<ClusterRecord> record = find_cluster(options.cluster);
  const RunView run = record ? connect_to(*record).run(options.run_id) : load_past_run(options.cluster, options.run_id);
  if (options.json) {
    std::cout << to_json(run).dump(2) << '\n';
  } else {
    std::cout << format_run(run, seconds_since_epoch()) << format_failure(run);
  }
  return kOk;
}

std::string number(double value) { return nlohmann::json(value).dump(); }

void print_points(const std::vector<MetricPoint>& points) {
  std::vector<std::vector<std::string>> rows = {{"STEP", "METRIC", "VALUE"}};
  for (const MetricPoint& point : points) {
    for (const auto& [name, value] : point.metrics) rows.push_back({std::to_string(point.step), name, number(value)});
  }
  std::cout << format_table(rows);
}

int show_metrics(const RunsOptions& options) {
  const std::optional<ClusterRecord> record = find_cluster(options.cluster);
  const std::vector<MetricPoint> points =
      record ? connect_to(*record).metrics(options.run_id) : load_past_metrics(options.cluster, options.run_id);
  if (!options.json) {
    print_points(points);
    return kOk;
  }
  nlohmann::json rows = nlohmann::json::array();
  for (const MetricPoint& point : points) {
    rows.push_back({{"rank", point.rank}, {"time", point.time}, {"step", point.step}, {"metrics", point.metrics}});
  }
  std::cout << rows.dump(2) << '\n';
  return kOk;
}

void add_common(CLI::App& command, const std::shared_ptr<RunsOptions>& options) {
  command.add_option("--cluster", options->cluster, "The cluster's name")->capture_default_str();
  command.add_flag("--json", options->json, "Print JSON");
}

void add_verb(CLI::App& runs, const std::string& verb, const std::string& what, int (*perform)(const RunsOptions&),
              Action& action) {
  auto options = std::make_shared<RunsOptions>();
  CLI::App* command = runs.add_subcommand(verb, what);
  add_common(*command, options);
  if (verb != "list") command->add_option("run", options->run_id, "The run's id, such as r-0001")->required();
  command->footer(message("Example: launcher runs {}{}", verb, verb == "list" ? " --json" : " r-0001"));
  command->callback([options, perform, &action] { action = [options, perform] { return perform(*options); }; });
}

}  // namespace

void add_runs(CLI::App& app, Action& action) {
  auto options = std::make_shared<RunsOptions>();
  CLI::App* runs = app.add_subcommand("runs", "Look at runs, of now and before; lists them without a verb");
  add_common(*runs, options);
  runs->require_subcommand(0, 1);
  runs->footer("Example: launcher runs --json\nWorks after `launcher down` too.");
  add_verb(*runs, "list", "All runs, newest first", list_runs, action);
  add_verb(*runs, "show", "One run with its ranks", show_run, action);
  add_verb(*runs, "metrics", "The points of a run's curves", show_metrics, action);
  add_logs_options(*runs->add_subcommand("logs", "Show what a run's ranks wrote"), action);
  runs->callback([runs, options, &action] {
    if (runs->get_subcommands().empty()) action = [options] { return list_runs(*options); };
  });
}

}  // namespace trireme::launcher
