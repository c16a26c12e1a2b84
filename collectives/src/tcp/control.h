#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <vector>

#include "frame.h"
#include "readiness.h"
#include "trireme/base/unique_fd.h"

namespace trireme::collectives {

// The control connections to all peers: who gave up and why, who has left, whose connection has ended.
//
// Threads: as Communicator; tell() may be called from any thread.
class Control {
 public:
  // `sockets` and `readers`: by peer, empty for this rank; the readers may hold bytes already.
  Control(std::vector<UniqueFd> sockets, std::vector<RecordReader> readers, Readiness& readiness);
  ~Control();  // says goodbye, unless this rank has told a failure
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;

  // Reads what has arrived. What a peer has told, once.
  [[nodiscard]] std::optional<Failure> heard();
  // Tells every peer, once, and only what no peer has told before.
  void tell(const Failure& failure) noexcept;

  [[nodiscard]] bool has_said_goodbye(int peer) const { return peers_[static_cast<std::size_t>(peer)].is_leaving; }
  // Why the connection has ended; empty while it is open.
  [[nodiscard]] const std::string& end(int peer) const { return peers_[static_cast<std::size_t>(peer)].end; }

 private:
  struct Peer {
    UniqueFd socket;
    RecordReader reader;
    Ready* ready = nullptr;
    bool is_leaving = false;
    std::string end{};
  };
  void read(Peer& peer);
  void send_to_all(const Record& record) const noexcept;

  std::vector<Peer> peers_;
  std::optional<Failure> failure_;
  std::atomic<bool> is_over_{false};
};

}  // namespace trireme::collectives
