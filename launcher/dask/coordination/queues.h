#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "dask/coordination/claims.h"
#include "dask/coordination/record.h"
#include "dask/coordination/ticket.h"

namespace trireme::launcher::dask {

// distributed.Queue: named queues of futures and data, first in first out, perhaps bounded.
//
// A future's key stays claimed by "queue-NAME" from put() until as many clients that took it have called
// release_future(). Not thread-safe.
class Queues {
 public:
  // How much a get() takes: this many, or all there is (at once, perhaps nothing).
  struct Batch {
    std::size_t size = 1;
    bool all = false;
  };
  struct Taken {
    Ticket ticket;
    std::vector<Record> records;
  };
  struct Change {
    Claims claims;
    std::vector<Taken> taken;     // answers to get()s that waited
    std::vector<Ticket> stored;   // put()s that waited for room
    std::vector<Ticket> dropped;  // the queue is gone: to be answered with an error
  };
  struct Put {
    bool stored = false;  // false: the queue is full, the ticket waits
    Change change;
  };
  struct Get {
    std::optional<std::vector<Record>> records;  // nullopt: the ticket waits
    Change change;
  };

  // Each create() needs a release(); the last one removes the queue. most: 0 for no bound.
  void create(const Key& name, std::size_t most);
  [[nodiscard]] Change release(const Key& name);
  // A future's key must be known to the task scheduler; see AwaitedKeys. These throw CallerError for an unknown queue.
  [[nodiscard]] Put put(const Key& name, Record record, Ticket ticket);
  [[nodiscard]] Get get(const Key& name, Batch batch, Ticket ticket);
  [[nodiscard]] std::size_t size(const Key& name) const;
  // queue-future-release: the client that took the key holds it itself now.
  [[nodiscard]] Claims release_future(const Key& name, const Key& future, const std::string& client);

  // What a waiting get() had collected already goes back to the front of the queue.
  [[nodiscard]] Change forget(Ticket ticket);

 private:
  struct Getter {
    Ticket ticket;
    std::size_t wanted;
    std::vector<Record> collected;
  };
  struct Putter {
    Ticket ticket;
    Record record;
  };
  struct Queue {
    std::size_t most = 0;
    std::size_t users = 0;
    std::deque<Record> records;
    std::deque<Getter> getters;
    std::deque<Putter> putters;

    [[nodiscard]] bool is_full() const { return most != 0 && records.size() >= most; }
  };

  [[nodiscard]] Queue& find(const Key& name);
  void claim(const Key& name, const Key& future, Claims& claims);
  void unclaim(const Key& name, const Key& future, Claims& claims);
  // Moves records to getters and waiting records into the queue, until neither is possible.
  static void settle(Queue& queue, Change& change);

  std::map<Key, Queue> queues_;
  std::map<std::pair<Key, Key>, std::size_t> claimed_;  // queue and future: records and takers that need it
};

}  // namespace trireme::launcher::dask
