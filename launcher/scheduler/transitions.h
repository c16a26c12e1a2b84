#pragma once

#include <vector>

#include "scheduler/events.h"
#include "scheduler/state.h"

// The scheduler's mind: a pure function of state, event and time.
namespace trireme::launcher {

inline constexpr Seconds kHeartbeatTimeout = 2;  // a silent node is lost after this
inline constexpr Seconds kSurvivorGrace = 10;    // after the first failure, for the others to report
inline constexpr Seconds kTerminateGrace = 5;    // between SIGTERM and SIGKILL
inline constexpr Seconds kKillGrace = 3;         // between SIGKILL and giving up on a report
inline constexpr Seconds kStoreTimeout = 10;     // for the first node to open the store
inline constexpr Seconds kReturnTimeout = 15;    // for nodes to come back after the scheduler was restarted
inline constexpr Seconds kVacateTimeout = 30;    // for what follows the nodes to bring its data away from one
inline constexpr int kCancelledExitCode = 130;   // as a shell reports Ctrl-C

// Time for all ranks of a run on `nodes` nodes to start.
[[nodiscard]] Seconds start_timeout(int nodes);

struct Transition {
  ClusterState state;
  std::vector<Effect> effects;
};

// Unknown nodes and runs, and events that come too late, change nothing. Never throws but for memory.
//
// Life of a run: queued until enough nodes are up; starting: the first node opens the store, then every node starts its
// part; running once a rank has started. The first rank to end badly decides reason and exit code: its death goes to
// the store, the others get kSurvivorGrace to report, then SIGTERM, then SIGKILL. When all ranks have reported, waiting
// shims are released; when mpirun has ended too, the run has.
//
// What follows the nodes is a run of one rank on each, bound to it. A node that comes up, comes back or is undrained
// gets one when it has none; a node that is drained keeps its own. It ends at once on a node that is to leave: first
// its data gets kVacateTimeout to be brought away. It is given to no more nodes when its last run was cancelled or
// succeeded. One that succeeds within kReturnTimeout of the scheduler's restart was a client of the scheduler of before
// (a Dask worker that loses its scheduler ends well), and its node gets another.
[[nodiscard]] Transition apply(ClusterState state, const Event& event, Seconds now);

}  // namespace trireme::launcher
