#pragma once

#include <chrono>
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
  // kOnly: nothing but the store tells of lives here, so that the loss of the store itself, or of a node of which no
  // rank is known, ends the group too.
  enum class Witness { kOneOfSeveral, kOnly };
  // `global_ranks`: by rank of the group, the rank by which the store knows it. `store` may be null: nobody is lost.
  PeerWatch(const Store* store, std::vector<int> global_ranks, int rank, Witness witness)
      : store_(store), global_ranks_(std::move(global_ranks)), rank_(rank), witness_(witness) {}

  [[nodiscard]] int global_rank(int rank) const { return global_ranks_[static_cast<std::size_t>(rank)]; }
  // Throws PeerLostError with rank, node, cause and what `standing(rank)` says. One atomic load while nobody is lost.
  // A connection's end is known before its cause, so the store is given a moment to say more.
  void check(const std::function<std::string(int)>& standing);

 private:
  using Clock = std::chrono::steady_clock;
  [[nodiscard]] bool ends_the_group(const LostRank& lost) const;
  [[noreturn]] void fail(const LostRank& lost, const std::function<std::string(int)>& standing) const;

  const Store* store_;
  const std::vector<int> global_ranks_;
  const int rank_;
  const Witness witness_;
  std::uint64_t seen_generation_ = 0;
  std::optional<LostRank> lost_;
  Clock::time_point lost_since_{};
};

}  // namespace trireme::collectives
