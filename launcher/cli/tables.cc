#include "cli/tables.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace trireme::launcher {

namespace {

constexpr std::size_t kRunsShown = 8;
constexpr std::size_t kMetricsShown = 3;

std::string duration_of(const RunView& run, double now) {
  if (!run.started) return "";
  return format_duration(run.ended.value_or(now) - *run.started);
}

std::string brief_metrics(const RunView& run) {
  std::string text;
  std::size_t shown = 0;
  for (const char* name : {"loss", "val_loss", "tokens_per_s", "step_ms"}) {
    const auto found = run.metrics.find(name);
    if (found == run.metrics.end() || shown == kMetricsShown) continue;
    text += fmt::format("{}{} {:.4g}", text.empty() ? "" : "  ", name, found->second);
    ++shown;
  }
  return text;
}

std::string exit_text(const RunView& run) { return run.exit_code ? std::to_string(*run.exit_code) : ""; }

std::vector<std::string> rank_row(const RankView& rank) {
  const std::string step = rank.status ? fmt::format("step {}", rank.status->step) : "";
  return {fmt::format("  {}", rank.rank), rank.node, rank.state, step, rank.exit_cause};
}

}  // namespace

std::string format_duration(double seconds) {
  const auto whole = static_cast<long>(std::max(0.0, std::floor(seconds)));
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
}

std::string format_runs(const std::vector<RunView>& runs, double now) {
  std::vector<std::vector<std::string>> rows = {{"RUN", "NAME", "STATUS", "EXIT", "RANKS", "NODES", "TIME", "METRICS"}};
  for (const RunView& run : runs) {
    rows.push_back({run.run_id, run.name, run.status, exit_text(run), std::to_string(run.ranks),
                    std::to_string(run.nodes.size()), duration_of(run, now), brief_metrics(run)});
  }
  return runs.empty() ? "no runs yet; start one: launcher run -- PROGRAM\n" : format_table(rows);
}

std::string format_status(const ClusterSnapshot& snapshot, double now) {
  std::string text = fmt::format("cluster {}  {}  for {}  ({} provider)\n", snapshot.name, snapshot.state,
                                 format_duration(now - snapshot.started), snapshot.provider);
  text += fmt::format("dashboard http://{}:{}/   dask tcp://{}:{}\n\n", snapshot.host, snapshot.http_port,
                      snapshot.host, snapshot.dask_port);
  std::vector<std::vector<std::string>> rows = {{"NODE", "STATE", "RANKS", "GPUS", "HEARD"}};
  for (const NodeView& node : snapshot.nodes) {
    rows.push_back({node.name, node.state, std::to_string(node.ranks), std::to_string(node.gpus),
                    format_duration(now - node.last_seen) + " ago"});
  }
  text += format_table(rows) + '\n';
  std::vector<RunView> newest(snapshot.runs.begin(),
                              snapshot.runs.begin() + static_cast<long>(std::min(kRunsShown, snapshot.runs.size())));
  text += format_runs(newest, now);
  const std::size_t rest = snapshot.runs.size() - newest.size();
  if (rest > 0) text += fmt::format("and {} older; see: launcher runs\n", rest);
  return text;
}

std::string format_run(const RunView& run, double now) {
  std::string text = fmt::format("{}  {}  {}\n", run.run_id, run.name, run.status);
  text += fmt::format("command  {}\n", fmt::join(run.command, " "));
  if (!run.reason.empty()) text += fmt::format("reason   {}\n", run.reason);
  if (run.exit_code) text += fmt::format("exit     {}\n", *run.exit_code);
  if (run.started) text += fmt::format("time     {}\n", duration_of(run, now));
  text += fmt::format("folder   {}\n", run.folder);
  for (const auto& [name, value] : run.metrics) text += fmt::format("metric   {} = {:.6g}\n", name, value);
  std::vector<std::vector<std::string>> rows = {{"  RANK", "NODE", "STATE", "", ""}};
  for (const RankView& rank : run.rank_views) rows.push_back(rank_row(rank));
  if (!run.rank_views.empty()) text += format_table(rows);
  return text;
}

std::string format_failure(const RunView& run) {
  std::string text;
  for (const RankView& rank : run.rank_views) {
    if (rank.exit_code.value_or(1) == 0) continue;
    text += fmt::format("  rank {} on {}: {}\n", rank.rank, rank.node, rank.exit_cause);
    for (const std::string& line : rank.last_errors) text += fmt::format("    {}\n", line);
  }
  return text;
}

}  // namespace trireme::launcher
