#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <vector>

#include "frame.h"

namespace trireme::collectives {

// Where the bytes of frames go.
class FrameSink {
 public:
  virtual ~FrameSink() = default;
  // Room for a frame's bytes; null when nobody wants it yet: then it stays where it is until resume().
  [[nodiscard]] virtual std::byte* place(const FrameHeader& header) = 0;
  virtual void arrived(const FrameHeader& header) = 0;
};

// Cuts one connection's bytes into frames. It does not read: it says where the next bytes shall be read to, so that
// large payloads come straight from the socket to where they belong. Never blocks.
class FrameReader {
 public:
  // `ahead`: how much may be read beyond the frame that is being read. Small frames want much, so that several come
  // with one system call; large ones a header's length, so that none of their bytes are copied.
  FrameReader(FrameSink& sink, std::size_t ahead);

  // Where to read to; empty while a frame waits for room. Valid until the next call of another function.
  [[nodiscard]] std::span<const iovec> targets();
  // `bytes` have been read to targets(). Throws CommError for what is no frame.
  void advance(std::size_t bytes);
  // Asks the sink again for room. True when there is some.
  bool resume();
  // A frame has begun and not ended.
  [[nodiscard]] bool is_midway() const noexcept { return state_ == State::kPayload || end_ > 0; }
  [[nodiscard]] bool is_waiting() const noexcept { return state_ == State::kWaiting; }

 private:
  enum class State { kHeader, kPayload, kWaiting };
  void consume();
  bool take_header();
  bool take_payload();
  void finish_payload(std::size_t bytes);

  FrameSink& sink_;
  std::vector<std::byte> ahead_;
  std::size_t begin_ = 0;  // of what was read ahead
  std::size_t end_ = 0;
  State state_ = State::kHeader;
  FrameHeader header_{};
  std::byte* payload_ = nullptr;
  std::size_t missing_ = 0;  // bytes of the payload
  std::array<iovec, 2> targets_{};
};

}  // namespace trireme::collectives
