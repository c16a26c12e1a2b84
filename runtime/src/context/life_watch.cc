#include "context/life_watch.h"

#include <chrono>

#include "trireme/base/message.h"

namespace trireme {

LifeWatch::LifeWatch(const Store& store, std::function<void(const LostRank&)> on_lost)
    : on_lost_(std::move(on_lost)), thread_([this, &store](const std::stop_token& stop) { watch(stop, store); }) {}

void LifeWatch::watch(const std::stop_token& stop, const Store& store) {
  constexpr auto kInterval = std::chrono::milliseconds(100);
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    if (store.lost_generation() > 0) {
      if (const auto lost = store.lost(); !lost.empty()) return on_lost_(lost.front());
    }
    changed_.wait_for(lock, stop, kInterval, [] { return false; });
  }
}

std::string describe(const LostRank& lost) {
  if (lost.rank >= 0) return message("rank {} on {} is lost: {}", lost.rank, lost.node, lost.cause);
  if (!lost.node.empty()) return message("node {} is lost: {}", lost.node, lost.cause);
  return message("the run's store is lost: {}", lost.cause);
}

}  // namespace trireme
