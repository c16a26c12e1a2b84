#include "steps/rank_share.h"

#include <algorithm>
#include <type_traits>
#include <vector>

namespace trireme {

static_assert(std::is_trivially_copyable_v<RankShare> && sizeof(RankShare) == 5 * sizeof(double));

WorldShare combine(std::span<const RankShare> shares, int rank) {
  WorldShare world;
  double loss_sum = 0;
  double slowest = 0;
  for (const auto& share : shares) {
    if (share.samples > 0) loss_sum += share.loss_sum;
    world.samples += share.samples;
    world.tokens += share.tokens;
    slowest = std::max(slowest, share.busy_ms);
    world.wants_stop = world.wants_stop || share.wants_stop != 0;
  }
  world.loss = world.samples > 0 ? loss_sum / world.samples : 0;
  world.straggler_ms = slowest - shares[static_cast<std::size_t>(rank)].busy_ms;
  return world;
}

WorldShare exchange(const RankShare& mine, collectives::Communicator& communicator) {
  std::vector<RankShare> all(static_cast<std::size_t>(communicator.size()));
  auto own = mine;
  const auto doubles = static_cast<std::int64_t>(sizeof(RankShare) / sizeof(double));
  communicator
      .all_gather(collectives::view(&own.loss_sum, doubles),
                  collectives::view(&all.front().loss_sum, doubles * communicator.size()))
      ->wait();
  return combine(all, communicator.rank());
}

}  // namespace trireme
