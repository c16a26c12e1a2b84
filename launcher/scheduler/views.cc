#include "scheduler/views.h"

namespace trireme::launcher {

namespace {

RankView view_of(const Rank& rank) {
  RankView view;
  view.rank = rank.rank;
  view.node = rank.node;
  view.state = to_string(rank.state);
  view.exit_code = rank.exit_code;
  view.exit_cause = rank.exit_cause;
  view.status = rank.status;
  view.progressed = rank.progressed;
  view.pace_ms = rank.pace_ms;
  view.busy_ms = rank.busy_ms;
  view.last_errors.assign(rank.last_errors.begin(), rank.last_errors.end());
  return view;
}

}  // namespace

RunView view_of(const Run& run, const std::filesystem::path& runs_folder) {
  RunView view;
  view.run_id = run.id;
  view.name = display_name(run.spec);
  view.status = to_string(run.status);
  if (has_ended(run.status)) view.exit_code = run.exit_code;
  view.reason = run.reason;
  view.command = run.spec.command;
  view.ranks = run.ranks.empty() ? run.spec.ranks : static_cast<int>(run.ranks.size());
  for (const Share& share : run.shares) view.nodes.push_back(share.node);
  view.submitted = run.submitted;
  view.started = run.started;
  view.ended = run.ended;
  view.metrics = run.metrics;
  for (const Rank& rank : run.ranks) view.rank_views.push_back(view_of(rank));
  view.follows_nodes = run.spec.follows_nodes;
  view.folder = (runs_folder / run.id).string();
  return view;
}

NodeView view_of(const Node& node, const ClusterState& state) {
  NodeView view;
  view.name = node.name;
  view.state = node.state == NodeState::kUp && node.is_draining ? "draining" : to_string(node.state);
  view.host = node.host;
  view.ranks = ranks_on(state, node.name);
  view.gpus = node.gpus;
  view.last_seen = node.last_seen;
  return view;
}

}  // namespace trireme::launcher
