#pragma once

#include <vector>

namespace trireme::collectives {

// Which ranks share a node. Nodes are numbered by their lowest rank.
class NodeLayout {
 public:
  // `nodes[rank]` is any number that ranks of one node share.
  explicit NodeLayout(const std::vector<int>& nodes);

  [[nodiscard]] int ranks() const noexcept { return static_cast<int>(node_of_.size()); }
  [[nodiscard]] int nodes() const noexcept { return static_cast<int>(members_.size()); }
  [[nodiscard]] int node_of(int rank) const { return node_of_[rank]; }
  // Place of `rank` among the ranks of its node.
  [[nodiscard]] int local_of(int rank) const { return local_of_[rank]; }
  // Ranks of a node, in ascending order.
  [[nodiscard]] const std::vector<int>& members(int node) const { return members_[node]; }
  // The size of the smallest node: how many leaders every node can have.
  [[nodiscard]] int smallest() const noexcept;
  // The layout of a subgroup, whose rank i is rank members[i] here. Ranks of a node must stay in ascending order.
  [[nodiscard]] NodeLayout of(const std::vector<int>& members) const;

 private:
  std::vector<int> node_of_;
  std::vector<int> local_of_;
  std::vector<std::vector<int>> members_;
};

}  // namespace trireme::collectives
