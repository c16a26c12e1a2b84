#include "peer_watch.h"

#include <algorithm>

#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme::collectives {

void PeerWatch::check(const std::function<std::string(int)>& standing) {
  if (store_ == nullptr) return;
  const auto generation = store_->lost_generation();
  if (generation == seen_generation_) return;
  for (const auto& lost : store_->lost()) {
    const auto member = std::ranges::find(global_ranks_, lost.rank);
    if (lost.rank < 0 || member == global_ranks_.end()) continue;
    throw PeerLostError(
        lost.rank, message("rank {} on node {} is lost: {}. It {}; rank {}/{} waits for it", lost.rank,
                           lost.node.empty() ? "(unnamed)" : lost.node, lost.cause,
                           standing(static_cast<int>(member - global_ranks_.begin())), rank_, global_ranks_.size()));
  }
  seen_generation_ = generation;
}

}  // namespace trireme::collectives
