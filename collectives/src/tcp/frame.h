#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "../exchange/messenger.h"
#include "../failure.h"

// The tcp backend's wire format: what crosses a connection, as bytes and back. Little-endian. Pure.
//
// A pair of ranks has a control connection and several for data; each begins with a hello of the rank that connected.
// Then data connections carry frames, control connections records.
namespace trireme::collectives {

inline constexpr std::uint16_t kTcpProtocolVersion = 1;

// Who connects, and for what. The token comes from the store, so that only ranks of this group know it.
using Token = std::array<std::uint8_t, 16>;
struct Hello {
  Token token{};
  std::uint32_t rank = 0;
  std::uint32_t connection = 0;  // among those of the pair; 0 is the control connection
  std::int32_t global_rank = 0;
  friend bool operator==(const Hello&, const Hello&) = default;
};
inline constexpr std::size_t kHelloBytes = 8 + 16 + 4 + 4 + 4;
using HelloBytes = std::array<std::byte, kHelloBytes>;
[[nodiscard]] HelloBytes encode(const Hello& hello);
// nullopt when the bytes are no hello of this version.
[[nodiscard]] std::optional<Hello> decode_hello(std::span<const std::byte, kHelloBytes> bytes);

// Before the bytes of a frame: which message they belong to, and where in it. Large messages take several frames, on
// several connections.
struct FrameHeader {
  MessageKind kind = MessageKind::kHead;
  std::int32_t tag = 0;
  std::uint64_t sequence = 0;
  std::uint64_t total = 0;   // bytes of the message
  std::uint64_t offset = 0;  // of this frame's first byte in it
  std::uint32_t length = 0;  // bytes of this frame, at least 1
  friend bool operator==(const FrameHeader&, const FrameHeader&) = default;
};
inline constexpr std::uint32_t kLargestFrame = std::uint32_t{256} << 10;
inline constexpr std::size_t kFrameHeaderBytes = 2 + 1 + 1 + 4 + 8 + 8 + 8 + 4;
using FrameHeaderBytes = std::array<std::byte, kFrameHeaderBytes>;
[[nodiscard]] FrameHeaderBytes encode(const FrameHeader& header);
// Throws CommError for another version, an unknown kind, or a length that does not fit: the stream is beyond repair.
[[nodiscard]] FrameHeader decode_header(std::span<const std::byte, kFrameHeaderBytes> bytes);

// What ranks tell each other beside data.
struct Record {
  enum class Kind : std::uint8_t {
    kReady,    // this rank has all its connections
    kGoodbye,  // this rank destroys its communicator
    kFailure,  // this rank gave up
  };
  Kind kind = Kind::kReady;
  Failure failure{};  // of kFailure
};
inline constexpr std::size_t kLongestFailureText = 2000;  // what is longer is cut off
[[nodiscard]] std::string encode(const Record& record);

// Cuts a control connection's bytes into records.
class RecordReader {
 public:
  void feed(std::span<const std::byte> bytes);
  // nullopt when more bytes are needed. Throws CommError for what is no record.
  [[nodiscard]] std::optional<Record> next();

 private:
  std::string buffer_;
};

}  // namespace trireme::collectives
