#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "jobs/placement.h"
#include "jobs/run_spec.h"
#include "trireme/base/status_record.h"

// Everything the scheduler decides from. Plain values; transitions.h changes them, the shell in scheduler.h acts.
namespace trireme::launcher {

// Seconds since the epoch.
using Seconds = double;

enum class NodeState { kStarting, kUp, kLost, kDown };
[[nodiscard]] const char* to_string(NodeState state) noexcept;

struct Node {
  std::string name;
  NodeState state = NodeState::kStarting;
  std::string host;
  int gpus = 0;
  Seconds last_seen = 0;
  bool is_draining = false;          // gets no new ranks
  bool is_leaving = false;           // goes once nothing of a run is there
  std::optional<Seconds> cancel_at;  // what still runs there then, is cancelled
  // What follows the nodes ends there then, or before, when its data is safe.
  std::optional<Seconds> vacated_by;
};

enum class RankState { kStarting, kRunning, kExited, kLost };
[[nodiscard]] const char* to_string(RankState state) noexcept;

struct Rank {
  int rank = 0;
  std::string node;
  RankState state = RankState::kStarting;
  std::optional<int> exit_code;
  std::string exit_cause;
  std::optional<StatusRecord> status;
  Seconds progressed = 0;               // when it last reported metrics
  double pace_ms = 0;                   // of a step, averaged over about the last ten
  double busy_ms = 0;                   // of that, computing
  std::deque<std::string> last_errors;  // the newest lines of its standard error, oldest first
};

enum class RunStatus { kQueued, kStarting, kRunning, kSucceeded, kFailed, kCancelled };
[[nodiscard]] const char* to_string(RunStatus status) noexcept;
[[nodiscard]] bool has_ended(RunStatus status) noexcept;

// How hard the scheduler presses a run to end. Each step has a deadline; passing it leads to the next.
enum class Pressure { kNone, kTerminate, kKill };

struct Run {
  std::string id;
  RunSpec spec;
  RunStatus status = RunStatus::kQueued;
  std::optional<int> exit_code;
  std::string reason;
  std::vector<Share> shares;  // empty while queued
  Seconds begun = 0;          // when it was placed
  std::vector<Rank> ranks;
  Seconds submitted = 0;
  std::optional<Seconds> started;
  std::optional<Seconds> ended;
  std::map<std::string, double> metrics;  // rank 0's last values
  std::string store;                      // "host:port"; empty until the first node has opened it
  std::string master_host;
  std::uint16_t master_port = 0;

  bool is_cancelled = false;
  bool starter_done = false;  // mpirun has ended, or there is none
  bool ranks_done = false;    // every rank has exited or is lost
  Pressure pressure = Pressure::kNone;
  std::optional<Seconds> deadline;  // of the present wait: for the store, the starts, the survivors or the ends
  std::set<std::string> awaited;    // nodes that have not come back since the scheduler was restarted
};

// After a restart of the scheduler: nothing is placed until the nodes are back, or the time is up.
struct Return {
  int nodes = 0;
  Seconds until = 0;
};

struct ClusterState {
  std::vector<Node> nodes;  // in the order of their names
  std::vector<Run> runs;    // oldest first
  // What every node gets a run of, also one that comes later: one of a name.
  std::vector<RunSpec> following;
  int next_run = 1;
  int expected_nodes = 0;  // the cluster is starting until it has had so many
  bool is_stopping = false;
  std::optional<Return> returning;
  Seconds resumed = 0;  // when this scheduler took over from one that was killed; 0: it did not
};

[[nodiscard]] const Node* find_node(const ClusterState& state, const std::string& name);
// The order of nodes: "node2" before "node10".
[[nodiscard]] bool does_precede(const std::string& name, const std::string& other);
// The node of that name, added in its place when there is none.
[[nodiscard]] Node& node_of(ClusterState& state, const std::string& name);
[[nodiscard]] const Run* find_run(const ClusterState& state, const std::string& run_id);
// It is up and gets new ranks.
[[nodiscard]] bool takes_ranks(const Node& node);
// One of what follows the nodes that has not ended and is not being cancelled.
[[nodiscard]] bool is_active_follower(const Run& run);
// Nodes that are to get a run of what follows the nodes and have none.
[[nodiscard]] std::vector<std::string> nodes_without(const ClusterState& state, const RunSpec& spec);
// Keeps what every node gets a run of, in place of the one of that name.
void remember_following(ClusterState& state, RunSpec spec);
// Ranks of all runs that are starting or running on a node.
[[nodiscard]] int ranks_on(const ClusterState& state, const std::string& node);
// All starting, in their order.
[[nodiscard]] std::vector<Rank> ranks_of(const std::vector<Share>& shares);
// "r-0001"
[[nodiscard]] std::string run_id_of(int number);

}  // namespace trireme::launcher
