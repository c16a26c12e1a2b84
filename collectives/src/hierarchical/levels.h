#pragma once

#include <memory>
#include <vector>

#include "../posting_communicator.h"
#include "node_layout.h"

namespace trireme::collectives {

// The communicators that a hierarchical one is made of, as one rank has them.
struct Levels {
  NodeLayout layout;
  int rank = 0;                                     // in the world
  int leaders = 1;                                  // of each node: its first ranks
  std::unique_ptr<PostingCommunicator> world = {};  // of all ranks, for what has no levels
  std::unique_ptr<PostingCommunicator> node = {};   // of this rank's node, in ascending order
  // Leader l of every node, in the order of the nodes, where this rank is leader l of its node; else null.
  std::unique_ptr<PostingCommunicator> leader_group = {};

  [[nodiscard]] int own_node() const { return layout.node_of(rank); }
  [[nodiscard]] int local_rank() const { return layout.local_of(rank); }
};

}  // namespace trireme::collectives
