#include "peer_watch.h"

#include <algorithm>

#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme::collectives {
namespace {

// What the store's server says by itself; the launcher's shim knows more a little later.
constexpr std::string_view kNoCauseYet = "connection closed";
constexpr auto kWaitForCause = std::chrono::milliseconds(300);

std::string name_of(const LostRank& lost) {
  if (lost.rank >= 0) return message("rank {} on node {}", lost.rank, lost.node.empty() ? "(unnamed)" : lost.node);
  return lost.node.empty() ? "the run's store" : message("node {}", lost.node);
}

}  // namespace

void PeerWatch::check(const std::function<std::string(int)>& standing) {
  if (store_ == nullptr) return;
  const auto generation = store_->lost_generation();
  if (generation == seen_generation_ && !lost_) return;
  if (generation != seen_generation_) {
    seen_generation_ = generation;
    const auto all = store_->lost();
    const auto found = std::ranges::find_if(all, [this](const LostRank& lost) { return ends_the_group(lost); });
    if (!lost_) lost_since_ = Clock::now();
    lost_ = found == all.end() ? std::nullopt : std::optional(*found);
  }
  if (!lost_ || (lost_->cause == kNoCauseYet && Clock::now() - lost_since_ < kWaitForCause)) return;
  fail(*lost_, standing);
}

bool PeerWatch::ends_the_group(const LostRank& lost) const {
  if (lost.rank < 0) return witness_ == Witness::kOnly;
  return std::ranges::find(global_ranks_, lost.rank) != global_ranks_.end();
}

void PeerWatch::fail(const LostRank& lost, const std::function<std::string(int)>& standing) const {
  auto text = message("{} is lost: {}", name_of(lost), lost.cause);
  const auto member = std::ranges::find(global_ranks_, lost.rank);
  if (member != global_ranks_.end()) {
    text += message(". It {}; rank {}/{} waits for it", standing(static_cast<int>(member - global_ranks_.begin())),
                    rank_, global_ranks_.size());
  }
  throw PeerLostError(lost.rank, text);
}

}  // namespace trireme::collectives
