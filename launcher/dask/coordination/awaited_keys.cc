#include "dask/coordination/awaited_keys.h"

namespace trireme::launcher::dask {

void AwaitedKeys::wait(const Key& key, Ticket ticket) { waiters_[key].push_back(ticket); }

std::vector<Ticket> AwaitedKeys::arrive(std::span<const Key> keys) {
  std::vector<Ticket> arrived;
  if (waiters_.empty()) return arrived;
  for (const Key& key : keys) {
    const auto waiting = waiters_.extract(key);
    if (waiting) arrived.insert(arrived.end(), waiting.mapped().begin(), waiting.mapped().end());
  }
  return arrived;
}

void AwaitedKeys::forget(Ticket ticket) {
  for (auto& [key, tickets] : waiters_) std::erase(tickets, ticket);
  std::erase_if(waiters_, [](const auto& entry) { return entry.second.empty(); });
}

}  // namespace trireme::launcher::dask
