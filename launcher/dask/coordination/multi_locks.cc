#include "dask/coordination/multi_locks.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "dask/coordination/caller_error.h"
#include "dask/wire/message.h"

namespace trireme::launcher::dask {

bool MultiLocks::acquire(const std::vector<Key>& locks, const Key& id, std::size_t wanted, Ticket ticket) {
  if (wanted == 0 || wanted > locks.size()) {
    throw CallerError("ValueError", fmt::format("{} of {} locks cannot be held", wanted, locks.size()));
  }
  if (requests_.contains(id)) throw CallerError("ValueError", fmt::format("{} has locks already", name_of(id)));
  std::vector<Key> shortest_first = locks;
  std::ranges::sort(shortest_first);
  shortest_first.erase(std::unique(shortest_first.begin(), shortest_first.end()), shortest_first.end());
  std::ranges::stable_sort(shortest_first, {}, [&](const Key& lock) { return waiting_[lock].size(); });
  Request& request = requests_[id] = {.missing = std::min(wanted, shortest_first.size())};
  for (const Key& lock : shortest_first) {
    if (request.missing == 0) break;
    request.locks.push_back(lock);
    waiting_[lock].push_back(id);
    if (waiting_[lock].size() == 1) --request.missing;
  }
  std::erase_if(waiting_, [](const auto& entry) { return entry.second.empty(); });
  if (request.missing != 0) request.waiting = ticket;
  return request.missing == 0;
}

std::vector<Ticket> MultiLocks::release(const Key& id) {
  const auto request = requests_.extract(id);
  if (!request) throw CallerError("KeyError", name_of(id));
  std::vector<Ticket> ready;
  for (const Key& lock : request.mapped().locks) leave(lock, id, ready);
  return ready;
}

std::vector<Ticket> MultiLocks::forget(Ticket ticket) {
  const auto found = std::ranges::find_if(requests_, [&](const auto& entry) { return entry.second.waiting == ticket; });
  return found == requests_.end() ? std::vector<Ticket>() : release(Key(found->first));
}

// The next in line holds the lock now.
void MultiLocks::leave(const Key& lock, const Key& id, std::vector<Ticket>& ready) {
  const auto found = waiting_.find(lock);
  std::deque<Key>& line = found->second;
  const bool held = line.front() == id;
  std::erase(line, id);
  if (line.empty()) {
    waiting_.erase(found);
  } else if (held) {
    Request& next = requests_.at(line.front());
    if (next.missing != 0 && --next.missing == 0) ready.push_back(std::exchange(next.waiting, std::nullopt).value());
  }
}

}  // namespace trireme::launcher::dask
