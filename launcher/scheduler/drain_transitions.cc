#include <algorithm>

#include "scheduler/step.h"
#include "trireme/base/message.h"

// Taking nodes out of use and back.
namespace trireme::launcher::detail {

namespace {

// Ranks run there, or it keeps the store of ranks that run elsewhere.
bool is_in_use(const ClusterState& state, const std::string& node) {
  const auto keeps_store = [&](const Run& run) {
    return !has_ended(run.status) && !run.shares.empty() && run.shares.front().node == node;
  };
  return ranks_on(state, node) > 0 || std::ranges::any_of(state.runs, keeps_store);
}

}  // namespace

void Step::on(const DrainRequested& event) {
  Node* drained = node(event.node);
  if (drained == nullptr) return;
  if (!drained->is_draining) note("node_draining", *drained);
  drained->is_draining = true;
  drained->cancel_at.reset();
  if (event.cancel_after) drained->cancel_at = now_ + *event.cancel_after;
  effects_.emplace_back(RecordDrain{event.node});
}

void Step::on(const UndrainRequested& event) {
  Node* drained = node(event.node);
  if (drained == nullptr || !drained->is_draining) return;
  drained->is_draining = false;
  drained->is_leaving = false;
  drained->cancel_at.reset();
  note("node_undrained", *drained);
  effects_.emplace_back(RecordDrain{event.node});
  give_followers(*drained);
  place_queued();
}

void Step::on(const RemoveRequested& event) {
  Node* leaving = node(event.node);
  if (leaving == nullptr) return;
  if (!leaving->is_draining) note("node_draining", *leaving);
  leaving->is_draining = true;
  leaving->is_leaving = true;
  effects_.emplace_back(RecordDrain{event.node});
  let_go_of_idle_nodes();
}

// One that a scheduler of before knew is waited for: it has to be told that it may go.
void Step::let_go_of_idle_nodes() {
  for (Node& node : state_.nodes) {
    if (node.is_leaving) begin_vacating(node);
  }
  std::vector<std::string> gone;
  std::erase_if(state_.nodes, [&](const Node& node) {
    if (!node.is_leaving || node.state == NodeState::kStarting || is_in_use(state_, node.name)) return false;
    if (node.state == NodeState::kUp) effects_.emplace_back(StopNode{node.name});
    effects_.emplace_back(RecordDrain{node.name});
    note("node_removed", node);
    state_.expected_nodes = std::max(0, state_.expected_nodes - 1);
    gone.push_back(node.name);
    return true;
  });
  for (Run& run : state_.runs) {
    const bool is_bound = std::ranges::find(gone, run.spec.node) != gone.end();
    if (is_bound && !has_ended(run.status)) cancel(run, false, message("{} has left the cluster", run.spec.node));
  }
}

void Step::cancel_runs_on(Node& node) {
  for (Run& run : state_.runs) {
    const bool has_part =
        std::any_of(run.shares.begin(), run.shares.end(), [&](const Share& share) { return share.node == node.name; });
    if (!has_part || has_ended(run.status) || run.spec.follows_nodes) continue;
    cancel(run, false, message("{} is drained", node.name));
  }
  begin_vacating(node);
}

}  // namespace trireme::launcher::detail
