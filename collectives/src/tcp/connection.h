#pragma once

#include <cstddef>
#include <deque>
#include <string>

#include "frame_reader.h"
#include "readiness.h"
#include "trireme/base/unique_fd.h"

namespace trireme::collectives {

// One data connection to a peer: frames out, in order, and frames in. Never blocks.
class Connection {
 public:
  // `sink` gets what arrives; `ahead` as FrameReader's.
  Connection(UniqueFd socket, Readiness& readiness, FrameSink& sink, std::size_t ahead);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // The payload stays where it is until `batch` has counted it down.
  void queue(const FrameHeader& header, const std::byte* payload, int peer, Batch& batch);
  [[nodiscard]] bool wants_to_send() const noexcept { return !outgoing_.empty(); }
  // Sends what the socket takes, reads what has arrived and is wanted. True when any byte moved.
  bool send();
  bool receive();
  // Forgets what is queued for a batch.
  void cancel(const Batch& batch) noexcept;

  [[nodiscard]] bool is_open() const noexcept { return is_open_; }
  // Why it is not: "closed by the peer" or the system's words.
  [[nodiscard]] const std::string& end() const noexcept { return end_; }

 private:
  struct Frame {
    FrameHeaderBytes header;
    const std::byte* payload;
    std::size_t length;  // of the payload
    int peer;
    Batch* batch;
  };
  [[nodiscard]] std::size_t fill(std::span<iovec> parts) const;
  void sent(std::size_t bytes);
  void acknowledge_at_once() const noexcept;
  void close(int error);

  UniqueFd socket_;
  Ready& ready_;
  FrameReader reader_;
  std::deque<Frame> outgoing_;
  std::size_t sent_ = 0;  // bytes of the first frame, header included
  bool is_open_ = true;
  std::string end_;
};

}  // namespace trireme::collectives
