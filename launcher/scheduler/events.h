#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "scheduler/state.h"

// What happens to a cluster, and what the scheduler then does about it.
namespace trireme::launcher {

struct NodeRegistered {
  std::string node;
  std::string host;
  int gpus = 0;
  Seconds started = 0;              // when its agent was
  std::vector<std::string> runs{};  // that it has a part of
};
struct NodeHeard {
  std::string node;
};
struct NodeGone {
  std::string node;
  std::string cause;  // "its agent's connection ended"
};
// Becomes run run_id_of(state.next_run), or, where it follows the nodes and is bound to none, that run and the next
// ones, one for each node that has none of that name. The shell has passed it through reject_request().
struct RunSubmitted {
  RunSpec spec;
};
// The first node has a store for the run, or `error` says why not.
struct StoreOpened {
  std::string run_id;
  std::uint16_t store_port = 0;
  std::uint16_t master_port = 0;
  std::string error;
};
struct RankStarted {
  std::string run_id;
  int rank = 0;
};
struct RankReported {
  StatusRecord record;
};
struct RankWroteErrors {
  std::string run_id;
  int rank = 0;
  std::vector<std::string> lines;
};
struct RankExited {
  std::string run_id;
  int rank = 0;
  int code = 0;
  int signal = 0;
  std::string error;  // why it could not be started
};
// mpirun ended.
struct StarterExited {
  std::string run_id;
  int code = 0;
  std::string output_tail;
};
struct StartFailed {
  std::string run_id;
  std::string node;
  std::string error;
};
struct CancelRequested {
  std::string run_id;
  bool force = false;
  std::string reason;
};
// The node gets no new ranks; after `cancel_after` seconds, if given, what still runs there is cancelled.
struct DrainRequested {
  std::string node;
  std::optional<Seconds> cancel_after;
};
struct UndrainRequested {
  std::string node;
};
// The node gets no new ranks, and is no more part of the cluster once nothing of a run is there.
struct RemoveRequested {
  std::string node;
};
// What the node's runs that follow the nodes keep is safe elsewhere, or cannot be saved.
struct NodeVacated {
  std::string node;
};
struct StopRequested {};
// Time passes; deadlines are looked at.
struct Tick {};

using Event = std::variant<NodeRegistered, NodeHeard, NodeGone, RunSubmitted, StoreOpened, RankStarted, RankReported,
                           RankWroteErrors, RankExited, StarterExited, StartFailed, CancelRequested, DrainRequested,
                           UndrainRequested, RemoveRequested, NodeVacated, StopRequested, Tick>;

// Effects, carried out by the shell in their order.
struct OpenStoreOn {
  std::string node;
  std::string run_id;
};
struct StartRunOn {
  std::string node;
  std::string run_id;
};
struct SignalRunOn {
  std::string node;
  std::string run_id;
  int signal = 0;
};
// Shims that wait for the survivors may end.
struct ReleaseRunOn {
  std::string node;
  std::string run_id;
};
// Tell the run's store, on `node`, why a rank is gone.
struct ReportLostOn {
  std::string node;
  std::string run_id;
  int rank = 0;
  std::string rank_node;
  std::string cause;
};
struct CloseRunOn {
  std::string node;
  std::string run_id;
};
struct StopNode {
  std::string node;
};
// What follows the nodes is about to end on this one: who keeps data there brings it to safety and says NodeVacated.
struct VacateNode {
  std::string node;
};
// There is a new run: it gets its folder, and what was asked for is kept.
struct AdmitRun {
  std::string run_id;
};
// The run changed in a way that history should keep.
struct RecordRun {
  std::string run_id;
};
// Whether the node is drained changed, or what follows from it.
struct RecordDrain {
  std::string node;
};
// Worth telling those who watch; becomes a ClusterEvent (snapshot.h).
struct Note {
  std::string kind;
  std::string node;
  std::string run_id;
  std::string text;
};

using Effect = std::variant<OpenStoreOn, StartRunOn, SignalRunOn, ReleaseRunOn, ReportLostOn, CloseRunOn, StopNode,
                            VacateNode, AdmitRun, RecordRun, RecordDrain, Note>;

}  // namespace trireme::launcher
