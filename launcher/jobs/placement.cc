#include "jobs/placement.h"

#include <algorithm>
#include <numeric>

#include "trireme/base/message.h"

namespace trireme::launcher {

namespace {

int wanted_nodes(const RunSpec& spec, int offered) {
  if (spec.nodes > 0) return spec.nodes;
  return spec.ranks > 0 ? std::min(spec.ranks, offered) : offered;
}

std::vector<NodeOffer> wanted_of(const RunSpec& spec, std::vector<NodeOffer> offers) {
  if (!spec.node.empty()) std::erase_if(offers, [&](const NodeOffer& offer) { return offer.name != spec.node; });
  return offers;
}

// The run that keeps this one from a node's GPUs; empty: none does.
std::string gpu_obstacle(const RunSpec& spec, const NodeOffer& offer) {
  if (offer.gpus == 0 || spec.gpu_use == GpuUse::kShared) return {};
  return spec.gpu_use == GpuUse::kExclusive ? offer.gpu_user : offer.gpu_owner;
}

std::vector<NodeOffer> with_free_gpus(const RunSpec& spec, std::vector<NodeOffer> offers) {
  std::erase_if(offers, [&](const NodeOffer& offer) { return !gpu_obstacle(spec, offer).empty(); });
  return offers;
}

std::vector<NodeOffer> least_loaded(const std::vector<NodeOffer>& offers, std::size_t count) {
  std::vector<std::size_t> order(offers.size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t left, std::size_t right) { return offers[left].ranks < offers[right].ranks; });
  order.resize(count);
  std::sort(order.begin(), order.end());
  std::vector<NodeOffer> chosen;
  for (std::size_t index : order) chosen.push_back(offers[index]);
  return chosen;
}

int ranks_by_default(const std::vector<NodeOffer>& nodes) {
  return std::accumulate(nodes.begin(), nodes.end(), 0,
                         [](int sum, const NodeOffer& node) { return sum + std::max(1, node.gpus); });
}

std::vector<Share> spread_evenly(int ranks, const std::vector<NodeOffer>& nodes) {
  const int count = static_cast<int>(nodes.size());
  std::vector<Share> shares;
  int next = 0;
  for (int index = 0; index < count; ++index) {
    const int share = ranks / count + (index < ranks % count ? 1 : 0);
    shares.push_back({nodes[static_cast<std::size_t>(index)].name, next, share});
    next += share;
  }
  return shares;
}

std::vector<Share> one_per_gpu(const std::vector<NodeOffer>& nodes) {
  std::vector<Share> shares;
  int next = 0;
  for (const NodeOffer& node : nodes) {
    shares.push_back({node.name, next, std::max(1, node.gpus)});
    next += shares.back().ranks;
  }
  return shares;
}

}  // namespace

std::optional<std::string> reject_request(const RunSpec& spec, int cluster_nodes) {
  if (spec.command.empty()) return "no program was given; write: launcher run -- PROGRAM [ARGUMENTS…]";
  if (spec.ranks < 0 || spec.ranks > kMostRanks) {
    return message("-n {} is not between 1 and {}", spec.ranks, kMostRanks);
  }
  if (spec.nodes < 0 || spec.nodes > cluster_nodes) {
    return message("--nodes {} asks for more than the cluster's {} nodes; leave it out or start a larger cluster",
                   spec.nodes, cluster_nodes);
  }
  if (!spec.node.empty() && spec.nodes > 1) {
    return message("--node {} with --nodes {} asks for several nodes and for one; give one of the two", spec.node,
                   spec.nodes);
  }
  if (spec.follows_nodes && (spec.ranks > 1 || spec.nodes > 1)) {
    return "a run that follows the nodes has one rank on each; ask for no number of ranks or nodes";
  }
  if (spec.ranks > 0 && spec.nodes > spec.ranks) {
    return message("-n {} with --nodes {} leaves nodes without a rank; give at least -n {}", spec.ranks, spec.nodes,
                   spec.nodes);
  }
  return std::nullopt;
}

std::vector<Share> place(const RunSpec& spec, const std::vector<NodeOffer>& all) {
  const std::vector<NodeOffer> offers = wanted_of(spec, all);
  const int count = wanted_nodes(spec, static_cast<int>(offers.size()));
  const std::vector<NodeOffer> free = with_free_gpus(spec, offers);
  if (count == 0 || count > static_cast<int>(free.size())) return {};
  const std::vector<NodeOffer> nodes = least_loaded(free, static_cast<std::size_t>(count));
  if (spec.ranks > 0) return spread_evenly(spec.ranks, nodes);
  return ranks_by_default(nodes) == count ? spread_evenly(count, nodes) : one_per_gpu(nodes);
}

std::string describe_wait(const RunSpec& spec, const std::vector<NodeOffer>& all) {
  const std::vector<NodeOffer> offers = wanted_of(spec, all);
  if (!spec.node.empty() && offers.empty()) return message("waits for {}, which is not up or is drained", spec.node);
  const int count = wanted_nodes(spec, static_cast<int>(offers.size()));
  const auto taken = std::find_if(offers.begin(), offers.end(),
                                  [&](const NodeOffer& offer) { return !gpu_obstacle(spec, offer).empty(); });
  if (count > static_cast<int>(offers.size()) || taken == offers.end()) {
    return message("waits for nodes: {} are up", offers.size());
  }
  if (spec.gpu_use == GpuUse::kExclusive) {
    return message("waits for the GPUs of {}, which {} may use", taken->name, taken->gpu_user);
  }
  return message("waits for the GPUs of {}, which {} has for itself; launcher run --share-gpus starts beside it",
                 taken->name, taken->gpu_owner);
}

}  // namespace trireme::launcher
