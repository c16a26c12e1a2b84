#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "store/key_table.h"

// The store's wire format. PROTOCOL.md beside it says which side sends what; this file turns it into bytes and back.
namespace trireme::detail {

inline constexpr std::uint64_t kStoreProtocolVersion = 1;
inline constexpr std::string_view kStoreMagic = "trireme-store";

enum class FrameType : std::uint8_t {
  // From clients.
  kHello = 1,
  kSet = 2,
  kGet = 3,
  kTryGet = 4,
  kAdd = 5,
  kRemove = 6,
  kCancel = 7,
  kReportLost = 8,
  // From both.
  kHeartbeat = 16,
  kGoodbye = 17,
  // From the server.
  kWelcome = 32,
  kDone = 33,
  kValue = 34,
  kAbsent = 35,
  kNumber = 36,
  kRefused = 37,
  kLost = 38,
  kFound = 39,
};

// Every message has the same five fields; what they mean depends on the type.
struct StoreFrame {
  FrameType type = FrameType::kHeartbeat;
  std::uint64_t id = 0;  // of the request; the reply repeats it
  std::int64_t number = 0;
  std::string key{};
  std::string value{};
  friend bool operator==(const StoreFrame&, const StoreFrame&) = default;
};

// Bytes of type, id, number and key length, which every frame has.
inline constexpr std::size_t kFrameFixedBytes = 1 + 8 + 8 + 4;
inline constexpr std::size_t kMaxFrameBytes = kFrameFixedBytes + kMaxKeyBytes + kMaxValueBytes;
// A connection that has not said hello may not send more than this in one frame.
inline constexpr std::size_t kMaxHelloBytes = 8192;

// Appends the bytes of `frame` to `out`.
void append_frame(std::string& out, const StoreFrame& frame);

// Cuts a byte stream into frames. A plain value; memory stays below what was fed plus one frame of the limit.
// After a DataError the stream is beyond repair: close it.
class FrameDecoder {
 public:
  explicit FrameDecoder(std::size_t limit = kMaxFrameBytes) : limit_(limit) {}
  void set_limit(std::size_t limit) { limit_ = limit; }
  void feed(std::string_view bytes);
  // The next complete frame; nullopt when more bytes are needed. Throws DataError for a length above the limit, an
  // unknown type or a key longer than its frame, as soon as the bytes that say so are there.
  [[nodiscard]] std::optional<StoreFrame> next();

 private:
  void drop_consumed();

  std::size_t limit_;
  std::string buffer_;
  std::size_t begin_ = 0;  // of the bytes not yet consumed
};

}  // namespace trireme::detail
