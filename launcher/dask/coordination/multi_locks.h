#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "dask/coordination/ticket.h"
#include "dask/wire/key.h"

namespace trireme::launcher::dask {

// distributed.MultiLock: takes several named locks at once, or some number out of several.
//
// A request queues up at each of its locks and holds those where it is first. Not thread-safe.
class MultiLocks {
 public:
  // True: `wanted` of the locks are held. False: the ticket waits, to be answered with true, or with false when it
  // times out. A lock that is named twice counts once. Throws CallerError when `wanted` is 0 or beyond the locks, or
  // the id has a request already.
  [[nodiscard]] bool acquire(const std::vector<Key>& locks, const Key& id, std::size_t wanted, Ticket ticket);
  // Returns the tickets that hold all their locks now. Throws CallerError when the id holds none.
  [[nodiscard]] std::vector<Ticket> release(const Key& id);

  // A waiting request gives back what it had.
  [[nodiscard]] std::vector<Ticket> forget(Ticket ticket);

 private:
  struct Request {
    std::vector<Key> locks;
    std::size_t missing = 0;
    std::optional<Ticket> waiting;
  };

  void leave(const Key& lock, const Key& id, std::vector<Ticket>& ready);

  std::map<Key, Request> requests_;         // by id
  std::map<Key, std::deque<Key>> waiting_;  // by lock: ids; the first one holds it
};

}  // namespace trireme::launcher::dask
