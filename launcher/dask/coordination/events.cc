#include "dask/coordination/events.h"

#include <utility>

namespace trireme::launcher::dask {

bool Events::wait(const Key& name, Ticket ticket) {
  Event& event = events_[name];
  if (!event.set) event.waiters.push_back(ticket);
  return event.set;
}

std::vector<Ticket> Events::set(const Key& name) {
  Event& event = events_[name];
  event.set = true;
  return std::exchange(event.waiters, {});
}

// Nobody waits for an event that is set, so there is nothing to keep of it.
void Events::clear(const Key& name) {
  if (is_set(name)) events_.erase(name);
}

bool Events::is_set(const Key& name) const {
  const auto found = events_.find(name);
  return found != events_.end() && found->second.set;
}

void Events::forget(Ticket ticket) {
  for (auto& [name, event] : events_) std::erase(event.waiters, ticket);
  std::erase_if(events_, [](const auto& entry) { return !entry.second.set && entry.second.waiters.empty(); });
}

}  // namespace trireme::launcher::dask
