#pragma once

#include <optional>
#include <string>

#include "store/frame.h"
#include "trireme/base/unique_fd.h"

namespace trireme::detail {

// Frames over one non-blocking stream socket. Never blocks.
//
// The receiving half (receive, next, set_limit) and the sending half (queue, flush, wants_to_send) share nothing but
// the descriptor: one thread may use each; each half by itself is not thread-safe.
class FrameSocket {
 public:
  FrameSocket(UniqueFd socket, std::size_t receive_limit);

  // Reads some of what has arrived. False when the peer closed or the connection broke; see error().
  [[nodiscard]] bool receive();
  [[nodiscard]] std::optional<StoreFrame> next() { return decoder_.next(); }
  void set_limit(std::size_t limit) { decoder_.set_limit(limit); }
  // Why receive() said false: "closed by the peer" or the system's words.
  [[nodiscard]] const std::string& error() const noexcept { return error_; }

  void queue(const StoreFrame& frame);
  // Sends what the socket takes. False when the connection broke.
  [[nodiscard]] bool flush() noexcept;
  [[nodiscard]] bool wants_to_send() const noexcept { return sent_ < unsent_.size(); }
  [[nodiscard]] std::size_t unsent_bytes() const noexcept { return unsent_.size() - sent_; }

  [[nodiscard]] int fd() const noexcept { return socket_.get(); }
  // Tells the peer that nothing more comes; what it still sends can be received.
  void finish_sending() noexcept;

 private:
  UniqueFd socket_;
  FrameDecoder decoder_;
  std::string error_;
  std::string unsent_;
  std::size_t sent_ = 0;
};

}  // namespace trireme::detail
