#pragma once

#include <cstddef>
#include <memory>

#include "trireme/collectives/communicator.h"

namespace trireme::collectives {

// Ranks of several nodes: each node reduces first, its leaders reduce between the nodes, each node spreads the result.
// Only one copy of every byte leaves a node, and both levels work at once, on different parts of a buffer.
//
// `world` joins all ranks (tcp, mpi) and carries what has no levels: messages, gather, scatter, all_to_all. `node`
// joins the ranks of this rank's node, in ascending order of their world ranks (shm; single where a node has one rank).
// Both must be Trireme's own communicators, else ConfigError. Collective; takes both over.
//
// Order of sums: the ranks of a node in rank order, then the nodes by their lowest rank. bf16 and fp16 are rounded once
// in a node and once at the end. The same placement gives the same bits; another placement may not.
struct HierarchicalOptions {
  // Ranks of each node that talk to other nodes, at most those of the smallest node: one for each network interface or
  // NUMA domain. 0: all. Rank 0's value holds.
  int leaders = 1;
  // Bytes of a buffer that go through the levels together. Rank 0's value holds; results do not depend on it.
  std::size_t part_bytes = std::size_t{256} << 10;
};
[[nodiscard]] std::unique_ptr<Communicator> make_hierarchical(std::unique_ptr<Communicator> world,
                                                              std::unique_ptr<Communicator> node,
                                                              const HierarchicalOptions& options = {});

}  // namespace trireme::collectives
