#include <algorithm>

#include "scheduler/scheduler.h"
#include "scheduler/views.h"
#include "trireme/base/message.h"

// What the faces ask of the scheduler.
namespace trireme::launcher {

namespace {

constexpr std::size_t kRunsShownWithRanks = 20;

}  // namespace

ClusterSnapshot Scheduler::snapshot() const {
  Seconds changed = 0;
  ClusterSnapshot snapshot = plain_snapshot(changed);
  for (RunView& run : snapshot.runs) run.insight = look_at(run, snapshot.nodes, changed);
  return snapshot;
}

// Insights are of the moment of the last change, so that equal revisions have equal content; heartbeats see to it that
// this moment is never long ago.
ClusterSnapshot Scheduler::plain_snapshot(Seconds& changed) const {
  const std::lock_guard lock(mutex_);
  changed = changed_at_;
  ClusterSnapshot snapshot{.revision = revision_, .name = options_.name};
  const auto up = std::count_if(state_.nodes.begin(), state_.nodes.end(),
                                [](const Node& node) { return node.state != NodeState::kStarting; });
  snapshot.state = state_.is_stopping ? "stopping" : up >= state_.expected_nodes ? "up" : "starting";
  snapshot.provider = options_.provider;
  snapshot.host = options_.host;
  snapshot.dask_port = options_.dask_port;
  snapshot.http_port = options_.http_port;
  snapshot.started = started_;
  for (const Node& node : state_.nodes) snapshot.nodes.push_back(view_of(node, state_));
  for (auto run = state_.runs.rbegin(); run != state_.runs.rend(); ++run) {
    snapshot.runs.push_back(view_of(*run, runs_folder_));
  }
  snapshot.runs.insert(snapshot.runs.end(), past_.begin(), past_.end());
  // Faces show ranks of what runs and of the newest; run() has those of every run.
  for (std::size_t index = kRunsShownWithRanks; index < snapshot.runs.size(); ++index) {
    if (snapshot.runs[index].ended) snapshot.runs[index].rank_views.clear();
  }
  return snapshot;
}

std::vector<MetricPoint> Scheduler::history(const std::string& run_id, std::size_t limit) const {
  {
    const std::lock_guard lock(mutex_);
    if (find_run(state_, run_id) != nullptr) return metrics_.points(run_id, limit);
  }
  return history_.curve({.run_id = run_id, .limit = limit});
}

std::vector<MetricPoint> Scheduler::curve(const CurveQuery& query) const {
  write_points();
  return history_.curve(query);
}

std::vector<ClusterEvent> Scheduler::events(std::uint64_t after, std::size_t limit) const {
  return history_.events(after, limit);
}

std::vector<std::string> Scheduler::log_tail(const std::string& run_id, std::size_t lines) const {
  std::vector<std::string> tail;
  for (const LogEntry& entry : logs_.tail(run_id, lines)) tail.push_back(message("[{}] {}", entry.rank, entry.text));
  return tail;
}

std::optional<RunView> Scheduler::run(const std::string& run_id) const {
  std::optional<RunView> found;
  std::vector<NodeView> nodes;
  Seconds changed = 0;
  {
    const std::lock_guard lock(mutex_);
    changed = changed_at_;
    if (const Run* run = find_run(state_, run_id)) found = view_of(*run, runs_folder_);
    for (auto run = past_.begin(); !found && run != past_.end(); ++run) {
      if (run->run_id == run_id) found = *run;
    }
    for (const Node& node : state_.nodes) nodes.push_back(view_of(node, state_));
  }
  if (found) found->insight = look_at(*found, nodes, changed);
  return found;
}

std::optional<NodeView> Scheduler::node(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const Node* node = find_node(state_, name);
  return node == nullptr ? std::nullopt : std::optional(view_of(*node, state_));
}

std::vector<NodeView> Scheduler::nodes() const {
  const std::lock_guard lock(mutex_);
  std::vector<NodeView> nodes;
  for (const Node& node : state_.nodes) nodes.push_back(view_of(node, state_));
  return nodes;
}

bool Scheduler::is_over(const std::string& run_id) const {
  const std::lock_guard lock(mutex_);
  const Run* run = find_run(state_, run_id);
  return run == nullptr || has_ended(run->status);
}

bool Scheduler::is_stopping() const {
  const std::lock_guard lock(mutex_);
  return state_.is_stopping;
}

std::vector<std::string> Scheduler::active_runs() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> active;
  for (const Run& run : state_.runs) {
    if (!has_ended(run.status)) active.push_back(run.id);
  }
  return active;
}

std::uint64_t Scheduler::revision() const {
  const std::lock_guard lock(mutex_);
  return revision_;
}

}  // namespace trireme::launcher
