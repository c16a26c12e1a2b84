#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "dask/coordination/ticket.h"
#include "dask/wire/key.h"

namespace trireme::launcher::dask {

// distributed.Semaphore, and Lock, which is a semaphore of one lease.
//
// Whoever holds a lease refreshes it; one that is not refreshed within the lease timeout ends by itself. Leases are
// given in the order of requests. Times are seconds of any clock that does not go back. Not thread-safe.
class Semaphores {
 public:
  // lease_timeout: seconds; 0 or infinite: leases do not end. Throws CallerError when the name is known with another
  // number of leases.
  void create(const Key& name, std::size_t leases, double lease_timeout);
  // True: the lease is given (also when this id holds it already). False: the ticket waits, to be answered with true,
  // or with false when it times out. Throws CallerError for an unknown name.
  [[nodiscard]] bool acquire(const Key& name, const std::string& lease, Ticket ticket, double now);
  // Returns the tickets that have got a lease. One that is not held, or of an unknown name, is ignored.
  [[nodiscard]] std::vector<Ticket> release(const Key& name, std::string_view lease, double now);
  // A lease that ended meanwhile is held again, if need be beyond the number of leases: its holder goes on working.
  void refresh(const Key& name, const std::vector<std::string>& leases, double now);
  // The number of leases held; 0 for an unknown name.
  [[nodiscard]] std::size_t held(const Key& name) const;
  // Returns the tickets that waited, to be answered with an error.
  [[nodiscard]] std::vector<Ticket> close(const Key& name);

  // Ends leases that were not refreshed in time; returns the tickets that have got one.
  [[nodiscard]] std::vector<Ticket> expire(double now);
  void forget(Ticket ticket);

 private:
  struct Waiter {
    Ticket ticket;
    std::string lease;
  };
  struct Semaphore {
    std::size_t leases = 1;
    double lease_timeout = 0;
    std::map<std::string, double, std::less<>> held;  // by lease: when it was refreshed
    std::deque<Waiter> waiters;
  };

  [[nodiscard]] static bool give(Semaphore& semaphore, const std::string& lease, double now);
  static void give_to_waiting(Semaphore& semaphore, double now, std::vector<Ticket>& given);

  std::map<Key, Semaphore> semaphores_;
};

}  // namespace trireme::launcher::dask
