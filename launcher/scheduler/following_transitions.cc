#include <algorithm>

#include "scheduler/step.h"
#include "trireme/base/message.h"

// What follows the nodes: a run of one rank on every node, also on those that come later.
namespace trireme::launcher::detail {

namespace {

RunSpec bound_to(RunSpec spec, const std::string& node) {
  spec.node = node;
  spec.ranks = 1;
  spec.nodes = 1;
  return spec;
}

}  // namespace

void Step::on(const RunSubmitted& event) {
  if (event.spec.follows_nodes) remember_following(state_, event.spec);
  if (!event.spec.follows_nodes || !event.spec.node.empty()) {
    submit(event.spec);
    return;
  }
  for (const std::string& node : nodes_without(state_, event.spec)) submit(bound_to(event.spec, node));
}

void Step::give_followers(const Node& node) {
  if (state_.is_stopping) return;
  for (const RunSpec& spec : state_.following) {
    const std::vector<std::string> lacking = nodes_without(state_, spec);
    if (std::ranges::find(lacking, node.name) != lacking.end()) submit(bound_to(spec, node.name));
  }
}

void Step::begin_vacating(Node& node) {
  if (node.vacated_by || node.state != NodeState::kUp) return;
  const bool has_followers = std::ranges::any_of(
      state_.runs, [&](const Run& run) { return is_active_follower(run) && run.spec.node == node.name; });
  if (!has_followers) return;
  node.vacated_by = now_ + kVacateTimeout;
  effects_.emplace_back(VacateNode{node.name});
}

void Step::on(const NodeVacated& event) {
  Node* vacated = node(event.node);
  if (vacated != nullptr && vacated->vacated_by) end_followers(*vacated);
}

// A node that is to stay after all gets others, once these have ended.
void Step::end_followers(Node& node) {
  node.vacated_by.reset();
  for (Run& run : state_.runs) {
    if (!run.spec.follows_nodes || run.spec.node != node.name || has_ended(run.status)) continue;
    cancel(run, false, message("{} {}", node.name, node.is_leaving ? "leaves" : "is drained"));
  }
  give_followers(node);
}

bool Step::was_cut_off(const Run& run) const {
  return run.spec.follows_nodes && run.status == RunStatus::kSucceeded && run.begun < state_.resumed &&
         now_ < state_.resumed + kReturnTimeout;
}

void Step::forget_unwanted(const RunSpec& spec) {
  if (!spec.follows_nodes) return;
  const std::string name = display_name(spec);
  const bool is_wanted = std::ranges::any_of(
      state_.runs, [&](const Run& run) { return is_active_follower(run) && display_name(run.spec) == name; });
  if (is_wanted) return;
  std::erase_if(state_.following, [&](const RunSpec& other) { return display_name(other) == name; });
}

}  // namespace trireme::launcher::detail
