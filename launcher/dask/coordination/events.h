#pragma once

#include <map>
#include <vector>

#include "dask/coordination/ticket.h"
#include "dask/wire/key.h"

namespace trireme::launcher::dask {

// distributed.Event: named flags that clients set, clear and wait for. Nothing is kept of one that is not set and that
// nobody waits for. Not thread-safe.
class Events {
 public:
  // True: it is set. False: the ticket waits, to be answered with true, or with false when it times out.
  [[nodiscard]] bool wait(const Key& name, Ticket ticket);
  // Returns those that waited.
  [[nodiscard]] std::vector<Ticket> set(const Key& name);
  void clear(const Key& name);
  [[nodiscard]] bool is_set(const Key& name) const;

  void forget(Ticket ticket);

 private:
  struct Event {
    bool set = false;
    std::vector<Ticket> waiters;
  };

  std::map<Key, Event> events_;
};

}  // namespace trireme::launcher::dask
