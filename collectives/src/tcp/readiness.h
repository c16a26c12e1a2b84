#pragma once

#include <chrono>
#include <cstdint>
#include <deque>

#include "trireme/base/unique_fd.h"

namespace trireme::collectives {

// What epoll has said of a socket and a read or write has not yet contradicted.
struct Ready {
  bool to_read = true;
  bool to_write = true;
  bool is_ending = false;  // nothing more comes after what can be read
};

// Which of a set of sockets can be read or written. One system call for all; edge-triggered, so that a socket left
// unread on purpose wakes nobody again.
//
// Threads: as Communicator; wake() may be called from any thread.
class Readiness {
 public:
  Readiness();
  Readiness(const Readiness&) = delete;
  Readiness& operator=(const Readiness&) = delete;

  // Watches `socket` until it is closed. The flags live as long as this object; whoever reads or writes until the
  // system says "later" clears them.
  [[nodiscard]] Ready& watch(int socket);
  // Sets flags of what became ready, waiting for something at most `patience`.
  void look(std::chrono::nanoseconds patience);
  void wake() const noexcept;

 private:
  UniqueFd epoll_;
  UniqueFd bell_;
  std::deque<Ready> flags_;  // addresses stay
};

}  // namespace trireme::collectives
