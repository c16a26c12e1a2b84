#include "providers/leaving_nodes.h"

#include <algorithm>
#include <map>

#include "trireme/base/message.h"

namespace trireme::launcher {

namespace {

bool is_living(const NodeView& node) { return node.state != "lost" && node.state != "down"; }

// "r-0001 and r-0002": what has not ended and has a part there.
std::string runs_on(const ClusterSnapshot& snapshot, const std::string& node) {
  std::string text;
  for (const RunView& run : snapshot.runs) {
    const bool is_there = std::ranges::any_of(run.rank_views, [&](const RankView& rank) { return rank.node == node; });
    if (run.ended || run.follows_nodes || !is_there) continue;
    text += (text.empty() ? "" : " and ") + run.run_id;
  }
  return text;
}

// By node: what runs there, but for what every node has.
std::map<std::string, int> ordinary_ranks(const ClusterSnapshot& snapshot) {
  std::map<std::string, int> ranks;
  for (const NodeView& node : snapshot.nodes) ranks[node.name] = node.ranks;
  for (const RunView& run : snapshot.runs) {
    if (run.ended || !run.follows_nodes) continue;
    for (const RankView& rank : run.rank_views) {
      if (rank.state == "starting" || rank.state == "running") --ranks[rank.node];
    }
  }
  return ranks;
}

}  // namespace

std::vector<std::string> nodes_to_remove(const ClusterSnapshot& snapshot, int count) {
  std::vector<NodeView> living;
  std::copy_if(snapshot.nodes.rbegin(), snapshot.nodes.rend(), std::back_inserter(living), is_living);
  const std::map<std::string, int> ranks = ordinary_ranks(snapshot);
  std::ranges::stable_sort(living, {}, [&](const NodeView& node) { return ranks.at(node.name); });
  living.resize(std::min(living.size(), static_cast<std::size_t>(std::max(count, 0))));
  std::vector<std::string> names;
  for (const NodeView& node : living) names.push_back(node.name);
  return names;
}

std::string describe_leaving(const ClusterSnapshot& snapshot, const std::vector<std::string>& leaving) {
  std::string text;
  for (const NodeView& node : snapshot.nodes) {
    if (std::ranges::find(leaving, node.name) == leaving.end()) continue;
    const std::string runs = runs_on(snapshot, node.name);
    text += text.empty() ? "" : "\n";
    text += runs.empty() ? message("{} leaves", node.name)
                         : message("{} leaves when {} has ended; to end it: launcher cancel, or --cancel-after SECONDS",
                                   node.name, runs);
  }
  return text;
}

}  // namespace trireme::launcher
