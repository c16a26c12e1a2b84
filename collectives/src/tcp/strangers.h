#pragma once

#include <chrono>
#include <list>
#include <vector>

#include "frame.h"
#include "trireme/base/unique_fd.h"

namespace trireme::collectives {

// A connection that has said hello; nobody has yet looked whether it may.
struct Guest {
  UniqueFd socket;
  Hello hello;
};

// Connections that a listener has accepted and that have not said hello. What is no hello is closed; of those that say
// nothing only a bounded number is kept, the oldest go first.
class Strangers {
 public:
  explicit Strangers(int listener) : listener_(listener) {}
  // Those who said hello within `patience`; returns early when somebody has.
  [[nodiscard]] std::vector<Guest> welcome(std::chrono::milliseconds patience);

 private:
  struct Stranger {
    UniqueFd socket;
    HelloBytes bytes{};
    std::size_t count = 0;
  };
  void wait(std::chrono::milliseconds patience) const;
  void accept_all();
  // False when the connection is of no use.
  static bool listen_to(Stranger& stranger);

  const int listener_;
  std::list<Stranger> strangers_;
};

}  // namespace trireme::collectives
