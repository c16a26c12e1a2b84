#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "dask/wire/bytes.h"
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

// A message, or what looks like one, is larger than the limits.
class MessageTooLarge : public FrameError {
 public:
  using FrameError::FrameError;
};

// The frames of one message; the first is msgpack.
using Frames = std::vector<Bytes>;

// The frames of one whole message, as slices of it. Throws FrameError when it is none.
[[nodiscard]] Frames frames_of(const Bytes& whole);

struct FrameLimits {
  std::uint64_t message_bytes = 256ull << 20;  // frame 0
  std::uint64_t payload_bytes = 16ull << 30;   // frames 1… together
  std::uint64_t frames = 1ull << 20;
};

// Cuts a byte stream into messages.
//
// The owner reads from its socket into room() and says how much came; messages are then taken out until there is none.
// Small messages share one buffer that is filled in pieces; of larger ones each frame has a buffer of its own, read
// into without a copy. Resident memory grows with the bytes that came, not with the lengths that were announced: large
// buffers are address space until they are written. Not thread-safe. After FrameError the reader is unusable.
class FrameReader {
 public:
  explicit FrameReader(FrameLimits limits = {}) : limits_(limits) {}

  // Where the next bytes go; valid until the next call. Throws FrameError when there is no memory for what was
  // announced.
  [[nodiscard]] std::span<char> room();
  // `count` bytes were put into room().
  void filled(std::size_t count);
  // One complete message, if there is one. Throws FrameError, MessageTooLarge among them as soon as it is announced.
  [[nodiscard]] std::optional<Frames> next();
  void set_limits(FrameLimits limits) noexcept { limits_ = limits; }

 private:
  enum class Part { kHead, kLengths, kFrames };

  [[nodiscard]] std::string_view unread() const { return {staging_.get() + begin_, end_ - begin_}; }
  [[nodiscard]] bool has(std::size_t count) const { return end_ - begin_ >= count; }
  bool read_head();
  bool read_lengths();
  void plan_frames();
  bool read_frames();
  void begin_buffer();
  [[nodiscard]] Frames finish();

  FrameLimits limits_;
  Part part_ = Part::kHead;
  std::shared_ptr<char[]> staging_;  // what came and belongs to no frame's buffer yet
  std::size_t staging_size_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;

  std::uint64_t block_bytes_ = 0;
  std::uint64_t frame_count_ = 0;
  std::vector<std::uint64_t> lengths_;
  bool shares_one_buffer_ = false;  // all frames of this message lie in buffer_
  Frames frames_;                   // those that are complete
  std::shared_ptr<char[]> buffer_;  // of the frame being read, or of all
  std::uint64_t buffer_size_ = 0;
  std::uint64_t buffer_filled_ = 0;
};

}  // namespace trireme::launcher::dask
