#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "trireme/base/store.h"

namespace trireme::collectives {

// Looks whether the store knows a rank of a group to be lost.
//
// Threads: as Communicator. The store is not owned.
class PeerWatch {
 public:
  // `global_ranks`: by rank of the group, the rank by which the store knows it. `store` may be null: nobody is lost.
  PeerWatch(const Store* store, std::vector<int> global_ranks, int rank)
      : store_(store), global_ranks_(std::move(global_ranks)), rank_(rank) {}

  [[nodiscard]] int global_rank(int rank) const { return global_ranks_[static_cast<std::size_t>(rank)]; }
  // Throws PeerLostError with rank, node, cause and what `standing(rank)` says. One atomic load while nothing changes.
  void check(const std::function<std::string(int)>& standing);

 private:
  const Store* store_;
  const std::vector<int> global_ranks_;
  const int rank_;
  std::uint64_t seen_generation_ = 0;
};

}  // namespace trireme::collectives
