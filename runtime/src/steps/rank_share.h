#pragma once

#include <span>

#include "trireme/collectives/communicator.h"

namespace trireme {

// What a rank tells the others at the end of a backward pass. Plain doubles, so that one all_gather carries it.
struct RankShare {
  double loss_sum = 0;  // mean loss times samples
  double samples = 0;
  double tokens = 0;
  double busy_ms = 0;  // from the last common point until its last gradient
  double wants_stop = 0;
};

// What follows from all ranks' shares. The same on every rank but for `straggler_ms`.
struct WorldShare {
  double loss = 0;
  double samples = 0;
  double tokens = 0;
  double straggler_ms = 0;  // how long this rank waited for the slowest
  bool wants_stop = false;
};

// Pure. Sums in rank order. A rank without samples adds nothing to the loss, whatever its loss is.
[[nodiscard]] WorldShare combine(std::span<const RankShare> shares, int rank);

// Collective and blocking.
[[nodiscard]] WorldShare exchange(const RankShare& mine, collectives::Communicator& communicator);

}  // namespace trireme
