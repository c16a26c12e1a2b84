#include "node_layout.h"

#include <algorithm>
#include <map>

namespace trireme::collectives {

NodeLayout::NodeLayout(const std::vector<int>& nodes) {
  std::map<int, int> numbers;
  for (int rank = 0; rank < static_cast<int>(nodes.size()); ++rank) {
    const auto [entry, is_new] = numbers.try_emplace(nodes[rank], static_cast<int>(members_.size()));
    if (is_new) members_.emplace_back();
    auto& members = members_[entry->second];
    node_of_.push_back(entry->second);
    local_of_.push_back(static_cast<int>(members.size()));
    members.push_back(rank);
  }
}

int NodeLayout::smallest() const noexcept {
  std::size_t smallest = node_of_.size();
  for (const auto& members : members_) smallest = std::min(smallest, members.size());
  return static_cast<int>(smallest);
}

NodeLayout NodeLayout::of(const std::vector<int>& members) const {
  std::vector<int> nodes;
  for (const int member : members) nodes.push_back(node_of_[member]);
  return NodeLayout(nodes);
}

}  // namespace trireme::collectives
