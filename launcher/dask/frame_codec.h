#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "trireme/base/error.h"

// How Dask puts messages on a socket (little-endian u64s): block length, frame count, frame lengths, frames.
//
// The block length covers everything up to some frame k; later frames follow outside of it. Frame 0 is the msgpack
// message, the others are payload it refers to.
namespace trireme::launcher::dask {

// The bytes cannot be a Dask message or exceed a limit. The connection they came from is of no further use.
class FrameError : public Error {
 public:
  using Error::Error;
};

struct FrameLimits {
  std::uint64_t message_bytes = 16ull << 20;  // frame 0
  std::uint64_t payload_bytes = 64ull << 30;  // frames 1… together
  std::uint64_t frames = 64ull << 10;
};

// Cuts a byte stream into messages, in pieces of any size.
//
// Payload frames are counted and dropped: this scheduler looks into none, so memory is bounded by `message_bytes` and
// the table of frame lengths, however large a graph a client sends. Buffers grow with bytes that came, not with lengths
// that were announced. Not thread-safe. After FrameError the reader is unusable.
class FrameReader {
 public:
  explicit FrameReader(FrameLimits limits = {}) : limits_(limits) {}

  // Takes bytes from the front of `bytes` up to the end of one message. Returns that message's frame 0 once it is
  // complete, else nullopt with all bytes taken. Throws FrameError.
  [[nodiscard]] std::optional<std::string> next(std::string_view& bytes);
  void set_limits(FrameLimits limits) noexcept { limits_ = limits; }

 private:
  enum class Part { kHead, kLengths, kMessage, kPayload };

  bool fill(std::string_view& bytes, std::size_t wanted);
  void read_head();
  void read_lengths();
  std::string finish_message();

  FrameLimits limits_;
  Part part_ = Part::kHead;
  std::string buffer_;  // of the part being read
  std::uint64_t block_bytes_ = 0;
  std::uint64_t frame_count_ = 0;
  std::uint64_t message_bytes_ = 0;
  std::uint64_t payload_left_ = 0;
};

// One message of one frame, as it goes on the socket.
[[nodiscard]] std::string encode_frame(std::string_view message);

}  // namespace trireme::launcher::dask
