#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <msgpack.hpp>

#include "dask/wire/bytes.h"
#include "dask/wire/frame_reader.h"
#include "dask/wire/key.h"
#include "dask/wire/message.h"
#include "dask/wire/opaque.h"

namespace trireme::launcher::dask {

// A message as it goes on the socket: pieces to be written one after the other, large payloads among them by reference.
struct Outgoing {
  std::vector<Bytes> pieces;
  std::size_t size = 0;        // of all pieces
  std::size_t owned_size = 0;  // of those that only this message keeps alive

  [[nodiscard]] std::string joined() const;
};

// Writes one msgpack value, or the elements of a stream's array, with the frames that they refer to.
//
// Chains: writer.map(1).text("op").text("close"). After finish() it is empty and can be used again.
class MessageWriter {
 public:
  MessageWriter& map(std::size_t pairs);
  MessageWriter& array(std::size_t size);
  MessageWriter& text(std::string_view value);
  MessageWriter& bytes(std::string_view value);
  MessageWriter& number(double value);
  MessageWriter& integer(std::int64_t value);
  MessageWriter& boolean(bool value);
  MessageWriter& nil();
  MessageWriter& key(const Key& value) { return packed(value.packed()); }
  MessageWriter& keys(const std::vector<Key>& values);
  // A value of a message, with the frames it refers to. The frames of `from` are shared, not copied, where they are
  // large.
  MessageWriter& value(const Message& from, const Object& value);
  // A value that refers to no frames.
  MessageWriter& value(const Object& value);
  MessageWriter& value(const Message& whole) { return value(whole, whole.root()); }
  // Appends values that are msgpack already.
  MessageWriter& packed(std::string_view values);
  MessageWriter& opaque(const Opaque& value);
  // A pickle for the receiver to open: {"__Pickled__": k}.
  MessageWriter& pickled(const Bytes& pickle);

  // Of everything written so far.
  [[nodiscard]] std::size_t size() const noexcept { return body_.size() + payload_bytes_; }
  [[nodiscard]] bool empty() const noexcept { return body_.empty(); }
  void clear();

  [[nodiscard]] Outgoing finish() { return finish_behind({}); }
  // What was written are the elements of an array of this size.
  [[nodiscard]] Outgoing finish_array(std::size_t size);
  // The message's frames, to be kept or decoded here.
  [[nodiscard]] Frames take_frames();
  // Frame 0 of a message without other frames.
  [[nodiscard]] std::string take();

 private:
  struct Body {
    std::string bytes;
    void write(const char* data, std::size_t size) { bytes.append(data, size); }
    [[nodiscard]] std::size_t size() const { return bytes.size(); }
    [[nodiscard]] bool empty() const { return bytes.empty(); }
  };

  void begin_frame() { lengths_.push_back(0); }
  void append_to_frame(const Bytes& bytes);
  void append_to_frame(std::string_view bytes);
  void end_run();
  [[nodiscard]] Outgoing finish_behind(std::string_view prefix);
  [[nodiscard]] std::string head(std::uint64_t message_bytes) const;

  Body body_;  // frame 0
  msgpack::packer<Body> packer_{body_};
  std::vector<std::uint64_t> lengths_;  // of the frames behind it
  std::vector<Bytes> pieces_;           // of those frames
  std::string run_;                     // small frames in a row, not yet among the pieces
  std::size_t payload_bytes_ = 0;
  std::size_t shared_bytes_ = 0;
};

}  // namespace trireme::launcher::dask
