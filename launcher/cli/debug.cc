#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>
#include <iostream>

#include <nlohmann/json.hpp>

#include "cli/cluster_access.h"
#include "cli/commands.h"
#include "cli/debug_text.h"
#include "cli/exit_codes.h"
#include "cli/past_runs.h"
#include "debug/report_json.h"
#include "debug/timeline.h"
#include "trireme/base/message.h"

namespace trireme::launcher {

namespace {

namespace fs = std::filesystem;

struct DebugOptions {
  std::string cluster = "default";
  std::string target;
  std::string svg;
  bool json = false;
};

// Where the records are, and what else is known of the ranks.
struct Source {
  fs::path folder;
  KnownRanks known;
};

KnownRanks known_ranks(const RunView& run) {
  KnownRanks known{.world_size = run.ranks};
  for (const RankView& rank : run.rank_views) {
    known.nodes[rank.rank] = rank.node;
    if (!rank.exit_cause.empty()) known.exit_causes[rank.rank] = rank.exit_cause;
  }
  return known;
}

// A folder with records, a run's folder, or a run's id.
Source find_source(const DebugOptions& options) {
  const fs::path folder = options.target;
  if (fs::is_directory(folder / "flight")) return {folder / "flight", {}};
  if (fs::is_directory(folder)) return {folder, {}};
  if (options.target.find('/') != std::string::npos) {
    throw CommandError(kNotFound, message("there is no folder {}; give one with flight records, or a run's id, such as "
                                          "r-0001",
                                          options.target));
  }
  const std::optional<ClusterRecord> record = find_cluster(options.cluster);
  const RunView run = record ? connect_to(*record).run(options.target) : load_past_run(options.cluster, options.target);
  return {fs::path(run.folder) / "flight", known_ranks(run)};
}

std::vector<FlightRecord> load_records(const Source& source) {
  auto records = fs::is_directory(source.folder) ? load_flight_records(source.folder) : std::vector<FlightRecord>{};
  if (!records.empty()) return records;
  throw CommandError(kNotFound,
                     message("no flight record in {}: ranks write one when an operation fails, on abort() and "
                             "on SIGTERM, into TRIREME_FLIGHT_DIR or the run's folder",
                             source.folder.string()));
}

void write_svg(const std::string& file, const std::string& svg) {
  std::ofstream stream(file);
  stream << svg << std::flush;
  if (!stream) throw CommandError(kNoResource, message("cannot write {}", file));
}

int debug(const DebugOptions& options) {
  const Source source = find_source(options);
  const std::vector<FlightRecord> records = load_records(source);
  const Diagnosis diagnosis = diagnose(records, source.known);
  const Timeline timeline = timeline_of(records, diagnosis);
  if (!options.svg.empty()) write_svg(options.svg, draw_svg(timeline, "Flight record of " + options.target));
  if (options.json) {
    nlohmann::json json = to_json(diagnosis);
    json["folder"] = source.folder.string();
    std::cout << json.dump(2) << '\n';
  } else {
    std::cout << format_diagnosis(diagnosis) << draw_text(timeline);
  }
  return kOk;
}

}  // namespace

void add_debug(CLI::App& app, Action& action) {
  auto options = std::make_shared<DebugOptions>();
  CLI::App* command = app.add_subcommand("debug", "Say where a run's ranks parted, who is missing or slow");
  command->add_option("target", options->target, "A run's id, such as r-0001, or a folder with flight records")
      ->required()
      ->type_name("RUN|FOLDER");
  command->add_flag("--json", options->json, "Print JSON");
  command->add_option("--svg", options->svg, "Also draw the ranks' last operations")->type_name("FILE");
  command->add_option("--cluster", options->cluster, "The cluster's name")->capture_default_str();
  command->footer(
      "Example: launcher debug r-0003 --svg ranks.svg\n"
      "Reads what ranks write when an operation fails, on abort() and on SIGTERM; see docs/flight_record.md. Works\n"
      "after `launcher down` too.");
  command->callback([options, &action] { action = [options] { return debug(*options); }; });
}

}  // namespace trireme::launcher
