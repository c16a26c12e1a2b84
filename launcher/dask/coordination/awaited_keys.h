#pragma once

#include <map>
#include <span>
#include <vector>

#include "dask/coordination/ticket.h"
#include "dask/wire/key.h"

namespace trireme::launcher::dask {

// Requests that name a task which a graph on another connection is about to bring (variable_set, queue_put). Not
// thread-safe.
class AwaitedKeys {
 public:
  void wait(const Key& key, Ticket ticket);
  // These keys are known to the task scheduler now; returns who waited for them.
  [[nodiscard]] std::vector<Ticket> arrive(std::span<const Key> keys);
  [[nodiscard]] bool empty() const noexcept { return waiters_.empty(); }

  void forget(Ticket ticket);

 private:
  std::map<Key, std::vector<Ticket>> waiters_;
};

}  // namespace trireme::launcher::dask
