#include "cli/past_runs.h"

#include "cli/exit_codes.h"
#include "providers/cluster_record.h"
#include "store/history.h"
#include "trireme/base/message.h"

namespace trireme::launcher {

namespace {

constexpr std::size_t kMostRuns = 1000;

std::filesystem::path history_of(const std::string& cluster) {
  std::filesystem::path file = state_folder(cluster) / "history.sqlite";
  if (!std::filesystem::exists(file)) {
    throw CommandError(kNotFound,
                       message("no cluster {} is up or has a history here; start one: launcher up --nodes 4", cluster));
  }
  return file;
}

}  // namespace

std::vector<RunView> load_past_runs(const std::string& cluster) { return History(history_of(cluster)).runs(kMostRuns); }

RunView load_past_run(const std::string& cluster, const std::string& run_id) {
  for (RunView& run : load_past_runs(cluster)) {
    if (run.run_id == run_id) return std::move(run);
  }
  throw CommandError(kNotFound, message("there is no run {}; see: launcher runs", run_id));
}

std::vector<MetricPoint> load_past_metrics(const std::string& cluster, const std::string& run_id) {
  static_cast<void>(load_past_run(cluster, run_id));
  return History(history_of(cluster)).curve({.run_id = run_id});
}

void print_past_log(const std::string& cluster, const std::string& run_id,
                    const std::function<void(const LogEntry&)>& print) {
  static_cast<void>(load_past_run(cluster, run_id));
  const LogBook logs(state_folder(cluster) / "runs");
  for (LogBook::Piece piece = logs.read(run_id, 0); !piece.entries.empty(); piece = logs.read(run_id, piece.next)) {
    for (const LogEntry& entry : piece.entries) print(entry);
  }
}

}  // namespace trireme::launcher
