#include "api/open_metrics.h"

#include <cmath>
#include <initializer_list>
#include <map>
#include <utility>

#include <fmt/format.h>

namespace trireme::launcher {

namespace {

using Label = std::pair<std::string_view, std::string_view>;
using Labels = std::initializer_list<Label>;

std::string escaped(std::string_view text) {
  std::string out;
  for (const char byte : text) {
    if (byte == '\\' || byte == '"') out += '\\';
    byte == '\n' ? out += "\\n" : out += byte;
  }
  return out;
}

std::string number_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return fmt::format("{}", value);
}

// The text, one metric family after the other.
class Exposition {
 public:
  // unit: "" or the name's last word.
  void family(std::string_view name, std::string_view kind, std::string_view unit, std::string_view help) {
    name_ = name;
    suffix_ = kind == "info" ? "_info" : "";
    text_ += fmt::format("# TYPE {} {}\n", name, kind);
    if (!unit.empty()) text_ += fmt::format("# UNIT {} {}\n", name, unit);
    text_ += fmt::format("# HELP {} {}\n", name, help);
  }
  void sample(const Labels& labels, double value) {
    text_ += name_;
    text_ += suffix_;
    char separator = '{';
    for (const auto& [label, content] : labels) {
      text_ += fmt::format("{}{}=\"{}\"", std::exchange(separator, ','), label, escaped(content));
    }
    text_ += fmt::format("{}{}\n", labels.size() == 0 ? " " : "} ", number_text(value));
  }
  [[nodiscard]] std::string finish() && { return std::move(text_) + "# EOF\n"; }

 private:
  std::string text_, name_, suffix_;
};

template <typename Items, typename Of>
void write_counts(Exposition& out, std::string_view label, const Items& items, Of of) {
  std::map<std::string, int> counts;
  for (const auto& item : items) ++counts[of(item)];
  for (const auto& [state, count] : counts) out.sample({{label, state}}, count);
}

void write_cluster(Exposition& out, const ClusterSnapshot& snapshot) {
  out.family("trireme_cluster", "info", "", "The cluster.");
  out.sample({{"name", snapshot.name}, {"provider", snapshot.provider}, {"state", snapshot.state}}, 1);
  out.family("trireme_revision", "gauge", "", "Grows with every change of the state.");
  out.sample({}, static_cast<double>(snapshot.revision));
  out.family("trireme_nodes", "gauge", "", "Nodes by state.");
  write_counts(out, "state", snapshot.nodes, [](const NodeView& node) { return node.state; });
  out.family("trireme_runs", "gauge", "", "Runs by status.");
  write_counts(out, "status", snapshot.runs, [](const RunView& run) { return run.status; });
}

// A family over runs that have not ended and for which `value` gives one.
template <typename Value>
void write_runs(Exposition& out, const ClusterSnapshot& snapshot, Value value) {
  for (const RunView& run : snapshot.runs) {
    if (run.ended) continue;
    if (const std::optional<double> found = value(run)) out.sample({{"run", run.run_id}, {"name", run.name}}, *found);
  }
}

std::optional<double> metric_of(const std::map<std::string, double>& metrics, const char* name, double scale = 1) {
  const auto found = metrics.find(name);
  return found == metrics.end() ? std::nullopt : std::optional(found->second * scale);
}

std::optional<double> step_of(const RunView& run) {
  for (const RankView& rank : run.rank_views) {
    if (rank.status) return static_cast<double>(rank.status->step);
  }
  return std::nullopt;
}

void write_conditions(Exposition& out, const ClusterSnapshot& snapshot) {
  out.family("trireme_run_condition", "gauge", "",
             "1 for what the scheduler makes of the run: healthy, slow rank, stalled.");
  for (const RunView& run : snapshot.runs) {
    if (run.ended) continue;
    out.sample({{"run", run.run_id}, {"name", run.name}, {"condition", to_string(run.insight.condition)}}, 1);
  }
  out.family("trireme_run_stalled_seconds", "gauge", "seconds",
             "Since any rank got on; 0 when the run is not stalled.");
  write_runs(out, snapshot, [](const RunView& run) { return std::optional(run.insight.stalled.value_or(0)); });
}

void write_progress(Exposition& out, const ClusterSnapshot& snapshot) {
  out.family("trireme_run_step", "gauge", "", "The last step that was reported.");
  write_runs(out, snapshot, step_of);
  out.family("trireme_run_loss", "gauge", "", "The last training loss.");
  write_runs(out, snapshot, [](const RunView& run) { return metric_of(run.metrics, "loss"); });
  out.family("trireme_run_tokens_per_second", "gauge", "", "Tokens that all ranks train on.");
  write_runs(out, snapshot, [](const RunView& run) { return metric_of(run.metrics, "tokens_per_s"); });
  out.family("trireme_run_efficiency_ratio", "gauge", "ratio", "Share of a step that ranks compute.");
  write_runs(out, snapshot, [](const RunView& run) { return run.insight.efficiency; });
  out.family("trireme_run_remaining_seconds", "gauge", "seconds", "Until the last step, at the present pace.");
  write_runs(out, snapshot, [](const RunView& run) { return run.insight.remaining; });
}

void write_rank_family(Exposition& out, const ClusterSnapshot& snapshot, const char* metric, double scale) {
  for (const RunView& run : snapshot.runs) {
    if (run.ended) continue;
    for (const RankView& rank : run.rank_views) {
      const auto value = rank.status ? metric_of(rank.status->metrics, metric, scale) : std::nullopt;
      if (value) out.sample({{"run", run.run_id}, {"rank", std::to_string(rank.rank)}, {"node", rank.node}}, *value);
    }
  }
}

void write_ranks(Exposition& out, const ClusterSnapshot& snapshot) {
  constexpr double kMilli = 1e-3;
  out.family("trireme_rank_step_seconds", "gauge", "seconds", "Time of the last step.");
  write_rank_family(out, snapshot, "step_ms", kMilli);
  out.family("trireme_rank_exposed_communication_seconds", "gauge", "seconds",
             "Communication that computing did not hide.");
  write_rank_family(out, snapshot, "exposed_comm_ms", kMilli);
  out.family("trireme_rank_straggler_wait_seconds", "gauge", "seconds", "Spent waiting for the slowest rank.");
  write_rank_family(out, snapshot, "straggler_ms", kMilli);
  out.family("trireme_rank_memory_bytes", "gauge", "bytes", "Resident memory.");
  write_rank_family(out, snapshot, "memory_mib", 1 << 20);
}

// The names are those of Dask's own scheduler.
void write_tasks(Exposition& out, const TaskBoard& board) {
  out.family("dask_scheduler_clients", "gauge", "", "Dask clients connected.");
  out.sample({}, static_cast<double>(board.clients));
  out.family("dask_scheduler_workers", "gauge", "", "Dask workers by status.");
  write_counts(out, "state", board.workers, [](const TaskWorkerView& worker) { return worker.status; });
  out.family("dask_scheduler_tasks", "gauge", "", "Dask tasks by state.");
  const TaskStates& totals = board.totals;
  for (const auto& [state, count] :
       std::initializer_list<std::pair<const char*, std::size_t>>{{"released", totals.released},
                                                                  {"waiting", totals.waiting},
                                                                  {"queued", totals.queued},
                                                                  {"processing", totals.processing},
                                                                  {"memory", totals.memory},
                                                                  {"erred", totals.erred}}) {
    out.sample({{"state", state}}, static_cast<double>(count));
  }
}

}  // namespace

std::string open_metrics(const ClusterSnapshot& snapshot, const TaskBoard* tasks) {
  Exposition out;
  write_cluster(out, snapshot);
  write_conditions(out, snapshot);
  write_progress(out, snapshot);
  write_ranks(out, snapshot);
  if (tasks != nullptr) write_tasks(out, *tasks);
  return std::move(out).finish();
}

}  // namespace trireme::launcher
