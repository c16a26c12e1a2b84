#include "scheduler/state.h"

#include <algorithm>

#include <fmt/format.h>

namespace trireme::launcher {

const char* to_string(NodeState state) noexcept {
  switch (state) {
    case NodeState::kStarting:
      return "starting";
    case NodeState::kUp:
      return "up";
    case NodeState::kLost:
      return "lost";
    case NodeState::kDown:
      return "down";
  }
  return "?";
}

const char* to_string(RankState state) noexcept {
  switch (state) {
    case RankState::kStarting:
      return "starting";
    case RankState::kRunning:
      return "running";
    case RankState::kExited:
      return "exited";
    case RankState::kLost:
      return "lost";
  }
  return "?";
}

const char* to_string(RunStatus status) noexcept {
  switch (status) {
    case RunStatus::kQueued:
      return "queued";
    case RunStatus::kStarting:
      return "starting";
    case RunStatus::kRunning:
      return "running";
    case RunStatus::kSucceeded:
      return "succeeded";
    case RunStatus::kFailed:
      return "failed";
    case RunStatus::kCancelled:
      return "cancelled";
  }
  return "?";
}

bool has_ended(RunStatus status) noexcept {
  return status == RunStatus::kSucceeded || status == RunStatus::kFailed || status == RunStatus::kCancelled;
}

const Node* find_node(const ClusterState& state, const std::string& name) {
  const auto found =
      std::find_if(state.nodes.begin(), state.nodes.end(), [&](const Node& n) { return n.name == name; });
  return found == state.nodes.end() ? nullptr : &*found;
}

// By length, then by text.
bool does_precede(const std::string& name, const std::string& other) {
  return name.size() != other.size() ? name.size() < other.size() : name < other;
}

Node& node_of(ClusterState& state, const std::string& name) {
  const auto place =
      std::lower_bound(state.nodes.begin(), state.nodes.end(), name,
                       [](const Node& node, const std::string& other) { return does_precede(node.name, other); });
  if (place != state.nodes.end() && place->name == name) return *place;
  return *state.nodes.insert(place, Node{.name = name});
}

const Run* find_run(const ClusterState& state, const std::string& run_id) {
  const auto found = std::find_if(state.runs.begin(), state.runs.end(), [&](const Run& r) { return r.id == run_id; });
  return found == state.runs.end() ? nullptr : &*found;
}

bool takes_ranks(const Node& node) { return node.state == NodeState::kUp && !node.is_draining; }

bool is_active_follower(const Run& run) {
  return run.spec.follows_nodes && !has_ended(run.status) && !run.is_cancelled;
}

std::vector<std::string> nodes_without(const ClusterState& state, const RunSpec& spec) {
  std::set<std::string> have;
  for (const Run& run : state.runs) {
    if (is_active_follower(run) && display_name(run.spec) == display_name(spec)) have.insert(run.spec.node);
  }
  std::vector<std::string> names;
  for (const Node& node : state.nodes) {
    if (takes_ranks(node) && !have.contains(node.name)) names.push_back(node.name);
  }
  return names;
}

void remember_following(ClusterState& state, RunSpec spec) {
  spec.node.clear();
  std::erase_if(state.following, [&](const RunSpec& other) { return display_name(other) == display_name(spec); });
  state.following.push_back(std::move(spec));
}

int ranks_on(const ClusterState& state, const std::string& node) {
  int count = 0;
  for (const Run& run : state.runs) {
    if (has_ended(run.status)) continue;
    count += static_cast<int>(std::count_if(run.ranks.begin(), run.ranks.end(), [&](const Rank& rank) {
      return rank.node == node && (rank.state == RankState::kStarting || rank.state == RankState::kRunning);
    }));
  }
  return count;
}

std::vector<Rank> ranks_of(const std::vector<Share>& shares) {
  std::vector<Rank> ranks;
  for (const Share& share : shares) {
    for (int index = 0; index < share.ranks; ++index) {
      ranks.push_back({.rank = share.first_rank + index, .node = share.node});
    }
  }
  return ranks;
}

std::string run_id_of(int number) { return fmt::format("r-{:04}", number); }

}  // namespace trireme::launcher
