#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "scheduler/run_insight.h"
#include "scheduler/task_board.h"
#include "trireme/base/status_record.h"

// The one state that every face shows: CLI, gRPC, HTTP, Dask's identity, the page. Plain values.
namespace trireme::launcher {

struct NodeView {
  std::string name;
  std::string state;  // "starting", "up", "draining", "lost", "down"
  std::string host;   // address other nodes reach it at
  int ranks = 0;      // running on it now
  int gpus = 0;
  double last_seen = 0;  // seconds since the epoch
};

struct RankView {
  int rank = 0;
  std::string node;
  std::string state;  // "running", "exited", "lost"
  std::optional<int> exit_code;
  std::string exit_cause;                // "", "exited with 3", "killed by signal 9 (SIGKILL)"
  std::optional<StatusRecord> status;    // the newest
  double progressed = 0;                 // when it last reported metrics, not a mere pulse; seconds since the epoch
  double pace_ms = 0;                    // of a step, averaged over about the last ten; 0: not known
  double busy_ms = 0;                    // of that, computing rather than waiting for others
  std::vector<std::string> last_errors;  // the last lines it wrote to standard error, oldest first
};

struct RunView {
  std::string run_id;  // "r-0001"
  std::string name;    // program's base name unless --name was given
  std::string status;  // "queued", "starting", "running", "succeeded", "failed", "cancelled"
  std::optional<int> exit_code;
  std::string reason;  // why it failed, naming rank and node: "rank 2 on node2 was killed by signal 9 (SIGKILL)"
  std::vector<std::string> command;
  int ranks = 0;
  std::vector<std::string> nodes;
  double submitted = 0;
  std::optional<double> started;
  std::optional<double> ended;
  std::map<std::string, double> metrics;  // last value of each, as rank 0 reported it
  std::vector<RankView> rank_views;
  std::string folder;          // with the run's output, on the scheduler's machine
  bool follows_nodes = false;  // one of the runs that every node gets, also one that comes later
  RunInsight insight;          // what all this comes to
};

struct ClusterSnapshot {
  std::uint64_t revision = 0;  // grows with every change
  std::string name;            // the cluster's
  std::string state;           // "starting", "up", "stopping"
  std::string provider;        // "local"
  std::string host = "127.0.0.1";
  std::uint16_t dask_port = 8786;
  std::uint16_t http_port = 8787;
  double started = 0;
  std::vector<NodeView> nodes;
  std::vector<RunView> runs;  // newest first
};

// Keys are stable and documented in docs/json.md: {state, ports, nodes: [{name, state, ranks, gpus}], runs, …}.
[[nodiscard]] nlohmann::json to_json(const ClusterSnapshot& snapshot);
[[nodiscard]] nlohmann::json to_json(const RunInsight& insight);
// One row of `launcher runs --json`: {run_id, name, status, exit_code, ranks, nodes, started, ended, metrics}.
[[nodiscard]] nlohmann::json to_json(const RunView& run);
// The inverse of to_json(); keys that are absent keep their defaults. Throws DataError for what is no run.
[[nodiscard]] RunView run_view_from_json(const nlohmann::json& json);

// One point of a run's curves. `metrics` as in StatusRecord; rank -1: all ranks of the run together. A point that
// stands for several records has their means, and least and greatest values beside them.
struct MetricPoint {
  std::string run_id;
  int rank = 0;
  double time = 0;
  std::int64_t step = 0;
  std::map<std::string, double> metrics;
  std::map<std::string, double> low{};
  std::map<std::string, double> high{};
};

// Points of one rank of a run, or of all its ranks together (-1), in a window of time.
struct CurveQuery {
  std::string run_id;
  int rank = 0;
  double from = 0;                                 // seconds since the epoch
  double to = std::numeric_limits<double>::max();  // included
  std::size_t limit = 0;                           // most points; 0: all
};

// Something that happened to a node or a run. The kinds are listed in proto/trireme/v1/cluster.proto.
struct ClusterEvent {
  std::uint64_t sequence = 0;  // grows from event to event, also over restarts
  double time = 0;             // seconds since the epoch
  std::string kind;            // "node_lost"
  std::string node;            // empty: about a run
  std::string run_id;          // empty: about a node
  std::string text;            // more, for people; may be empty
  friend bool operator==(const ClusterEvent&, const ClusterEvent&) = default;
};

// What the faces read from. Implemented by the scheduler's shell; thread-safe.
class SnapshotSource {
 public:
  virtual ~SnapshotSource() = default;
  [[nodiscard]] virtual ClusterSnapshot snapshot() const = 0;
  // One run with its ranks, also of earlier schedulers; nullopt when there is none of that id.
  [[nodiscard]] virtual std::optional<RunView> run(const std::string& run_id) const = 0;
  // Points of one run since the beginning, oldest first, thinned to at most `limit`.
  [[nodiscard]] virtual std::vector<MetricPoint> history(const std::string& run_id, std::size_t limit) const = 0;
  // A window of one curve, oldest first; neighbours are folded into one until `limit` is kept, the newest stays as it
  // is.
  [[nodiscard]] virtual std::vector<MetricPoint> curve(const CurveQuery&) const { return {}; }
  // What happened after the event of sequence number `after`, oldest first, at most `limit`.
  [[nodiscard]] virtual std::vector<ClusterEvent> events(std::uint64_t /*after*/, std::size_t /*limit*/) const {
    return {};
  }
  // Last lines of a run's log, oldest first.
  [[nodiscard]] virtual std::vector<std::string> log_tail(const std::string& run_id, std::size_t lines) const = 0;
  // Calls `on_change(revision)` after every change from a scheduler thread, under no lock; it must return quickly.
  // The subscription ends when the returned handle is destroyed.
  [[nodiscard]] virtual std::shared_ptr<void> subscribe(std::function<void(std::uint64_t revision)> on_change) = 0;
  // What goes on at the Dask face; null: nothing is known of it.
  [[nodiscard]] virtual const TaskSource* tasks() const { return nullptr; }
};

}  // namespace trireme::launcher
