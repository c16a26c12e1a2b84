#include "store/frame.h"

#include <array>

#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme::detail {

namespace {

constexpr std::size_t kLengthBytes = 4;

template <typename Number>
void append_number(std::string& out, Number number) {
  auto bits = static_cast<std::uint64_t>(number);
  for (std::size_t byte = 0; byte < sizeof(Number); ++byte, bits >>= 8) out.push_back(static_cast<char>(bits & 0xff));
}

// Little-endian; `bytes` has at least sizeof(Number) of them.
template <typename Number>
Number take_number(std::string_view& bytes) {
  std::uint64_t bits = 0;
  for (std::size_t byte = sizeof(Number); byte-- > 0;) bits = bits << 8 | static_cast<unsigned char>(bytes[byte]);
  bytes.remove_prefix(sizeof(Number));
  return static_cast<Number>(bits);
}

bool is_known(std::uint8_t type) {
  constexpr std::array kRanges{std::pair{FrameType::kHello, FrameType::kReportLost},
                               std::pair{FrameType::kHeartbeat, FrameType::kGoodbye},
                               std::pair{FrameType::kWelcome, FrameType::kFound}};
  for (const auto& [first, last] : kRanges) {
    if (type >= static_cast<std::uint8_t>(first) && type <= static_cast<std::uint8_t>(last)) return true;
  }
  return false;
}

void check_length(std::size_t length, std::size_t limit) {
  if (length >= kFrameFixedBytes && length <= limit) return;
  throw DataError(message("store: a frame of {} bytes is outside {}..{}. The peer does not speak the store's protocol.",
                          length, kFrameFixedBytes, limit));
}

FrameType check_type(std::uint8_t type) {
  if (is_known(type)) return static_cast<FrameType>(type);
  throw DataError(message("store: frame type {} is unknown. The peer does not speak the store's protocol.", int{type}));
}

// `body` is one whole frame without its length.
StoreFrame parse_body(std::string_view body) {
  StoreFrame frame;
  frame.type = check_type(take_number<std::uint8_t>(body));
  frame.id = take_number<std::uint64_t>(body);
  frame.number = take_number<std::int64_t>(body);
  const auto key_bytes = take_number<std::uint32_t>(body);
  if (key_bytes > body.size() || key_bytes > kMaxKeyBytes) {
    throw DataError(message("store: a key of {} bytes in a frame that has {} left.", key_bytes, body.size()));
  }
  frame.key = body.substr(0, key_bytes);
  frame.value = body.substr(key_bytes);
  return frame;
}

}  // namespace

void append_frame(std::string& out, const StoreFrame& frame) {
  const auto body = kFrameFixedBytes + frame.key.size() + frame.value.size();
  out.reserve(out.size() + kLengthBytes + body);
  append_number(out, static_cast<std::uint32_t>(body));
  append_number(out, static_cast<std::uint8_t>(frame.type));
  append_number(out, frame.id);
  append_number(out, frame.number);
  append_number(out, static_cast<std::uint32_t>(frame.key.size()));
  out.append(frame.key).append(frame.value);
}

void FrameDecoder::feed(std::string_view bytes) {
  drop_consumed();
  buffer_.append(bytes);
}

std::optional<StoreFrame> FrameDecoder::next() {
  auto rest = std::string_view(buffer_).substr(begin_);
  if (rest.size() < kLengthBytes) return std::nullopt;
  const auto length = take_number<std::uint32_t>(rest);
  check_length(length, limit_);
  if (!rest.empty()) static_cast<void>(check_type(static_cast<std::uint8_t>(rest.front())));
  if (rest.size() < length) return std::nullopt;
  begin_ += kLengthBytes + length;
  return parse_body(rest.substr(0, length));
}

// Moving the rest to the front only when it is the smaller part keeps the cost linear in the bytes fed.
void FrameDecoder::drop_consumed() {
  if (begin_ * 2 < buffer_.size()) return;
  buffer_.erase(0, begin_);
  begin_ = 0;
}

}  // namespace trireme::detail
