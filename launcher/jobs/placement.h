#pragma once

#include <optional>
#include <string>
#include <vector>

#include "jobs/run_spec.h"

// Which ranks go to which node. Pure decisions over values.
namespace trireme::launcher {

// A node that is up, as placement sees it.
struct NodeOffer {
  std::string name;
  int gpus = 0;
  int ranks = 0;          // already running on it
  std::string gpu_owner;  // the run that has its GPUs for itself, or waits for them to be free
  std::string gpu_user;   // a run there that does not share GPUs with one that wants them for itself
};

// Consecutive ranks on one node: [first_rank, first_rank + ranks).
struct Share {
  std::string node;
  int first_rank = 0;
  int ranks = 0;
  friend bool operator==(const Share&, const Share&) = default;
};

// Why the request can never be met by a cluster of `cluster_nodes` nodes; nullopt when it can.
[[nodiscard]] std::optional<std::string> reject_request(const RunSpec& spec, int cluster_nodes);

// The node that it is bound to, else the least loaded nodes, in their given order, with ranks spread evenly: the first
// nodes take one more when it does not come out even. Empty when too few nodes are offered, or have GPUs that it may
// use.
[[nodiscard]] std::vector<Share> place(const RunSpec& spec, const std::vector<NodeOffer>& offers);

// "waits for …": why place() gave nothing.
[[nodiscard]] std::string describe_wait(const RunSpec& spec, const std::vector<NodeOffer>& offers);

}  // namespace trireme::launcher
