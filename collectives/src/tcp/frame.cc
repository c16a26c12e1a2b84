#include "frame.h"

#include <algorithm>
#include <cstring>

#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme::collectives {
namespace {

constexpr std::uint64_t kMagic = 0x31706374'65727274;  // "trretcp1"
constexpr std::uint64_t kLongestMessage = std::uint64_t{1} << 48;
constexpr std::size_t kRecordFixedBytes = 4 + 1 + 1 + 4;

// Appends and takes numbers, least significant byte first.
class Writer {
 public:
  explicit Writer(std::byte* to) : to_(to) {}
  template <typename Number>
  Writer& put(Number number) {
    auto bits = static_cast<std::uint64_t>(number);
    for (std::size_t i = 0; i < sizeof(Number); ++i, bits >>= 8) *to_++ = static_cast<std::byte>(bits & 0xff);
    return *this;
  }

 private:
  std::byte* to_;
};

class Reader {
 public:
  explicit Reader(const std::byte* from) : from_(from) {}
  template <typename Number>
  Number take() {
    std::uint64_t bits = 0;
    for (std::size_t i = sizeof(Number); i-- > 0;) bits = bits << 8 | static_cast<std::uint64_t>(from_[i]);
    from_ += sizeof(Number);
    return static_cast<Number>(bits);
  }

 private:
  const std::byte* from_;
};

[[noreturn]] void refuse(const std::string& what) {
  throw CommError(message("tcp: {}; the peer does not speak version {} of this protocol", what, kTcpProtocolVersion));
}

}  // namespace

HelloBytes encode(const Hello& hello) {
  HelloBytes bytes;
  Writer writer(bytes.data());
  writer.put(kMagic);
  for (const auto byte : hello.token) writer.put(byte);
  writer.put(hello.rank).put(hello.connection).put(hello.global_rank);
  return bytes;
}

std::optional<Hello> decode_hello(std::span<const std::byte, kHelloBytes> bytes) {
  Reader reader(bytes.data());
  if (reader.take<std::uint64_t>() != kMagic) return std::nullopt;
  Hello hello;
  for (auto& byte : hello.token) byte = reader.take<std::uint8_t>();
  hello.rank = reader.take<std::uint32_t>();
  hello.connection = reader.take<std::uint32_t>();
  hello.global_rank = reader.take<std::int32_t>();
  return hello;
}

FrameHeaderBytes encode(const FrameHeader& header) {
  FrameHeaderBytes bytes;
  Writer(bytes.data())
      .put(kTcpProtocolVersion)
      .put(static_cast<std::uint8_t>(header.kind))
      .put(std::uint8_t{0})
      .put(header.tag)
      .put(header.sequence)
      .put(header.total)
      .put(header.offset)
      .put(header.length);
  return bytes;
}

FrameHeader decode_header(std::span<const std::byte, kFrameHeaderBytes> bytes) {
  Reader reader(bytes.data());
  const auto version = reader.take<std::uint16_t>();
  const auto kind = reader.take<std::uint8_t>();
  const auto reserved = reader.take<std::uint8_t>();
  if (version != kTcpProtocolVersion || reserved != 0) refuse(message("a frame of version {}", version));
  if (kind > static_cast<std::uint8_t>(MessageKind::kMessageBody)) refuse(message("a frame of kind {}", int{kind}));
  FrameHeader header{.kind = static_cast<MessageKind>(kind)};
  header.tag = reader.take<std::int32_t>();
  header.sequence = reader.take<std::uint64_t>();
  header.total = reader.take<std::uint64_t>();
  header.offset = reader.take<std::uint64_t>();
  header.length = reader.take<std::uint32_t>();
  const bool fits =
      header.total <= kLongestMessage && header.offset < header.total && header.length <= header.total - header.offset;
  if (header.length == 0 || header.length > kLargestFrame || !fits) {
    refuse(message("a frame of {} bytes at {} of {}", header.length, header.offset, header.total));
  }
  return header;
}

std::string encode(const Record& record) {
  const auto text = std::string_view(record.failure.text).substr(0, kLongestFailureText);
  std::string bytes(kRecordFixedBytes, '\0');
  Writer(reinterpret_cast<std::byte*>(bytes.data()))
      .put(static_cast<std::uint32_t>(text.size()))
      .put(static_cast<std::uint8_t>(record.kind))
      .put(static_cast<std::uint8_t>(record.failure.kind))
      .put(static_cast<std::int32_t>(record.failure.lost_rank));
  return bytes.append(text);
}

void RecordReader::feed(std::span<const std::byte> bytes) {
  buffer_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

std::optional<Record> RecordReader::next() {
  if (buffer_.size() < kRecordFixedBytes) return std::nullopt;
  Reader reader(reinterpret_cast<const std::byte*>(buffer_.data()));
  const auto length = reader.take<std::uint32_t>();
  const auto kind = reader.take<std::uint8_t>();
  const auto failure = reader.take<std::uint8_t>();
  const auto lost_rank = reader.take<std::int32_t>();
  if (length > kLongestFailureText || kind > static_cast<std::uint8_t>(Record::Kind::kFailure) ||
      failure > static_cast<std::uint8_t>(FailureKind::kMismatch)) {
    refuse(message("a record of kind {}, {} bytes", int{kind}, length));
  }
  if (buffer_.size() < kRecordFixedBytes + length) return std::nullopt;
  Record record{static_cast<Record::Kind>(kind),
                {static_cast<FailureKind>(failure), lost_rank, buffer_.substr(kRecordFixedBytes, length)}};
  buffer_.erase(0, kRecordFixedBytes + length);
  return record;
}

}  // namespace trireme::collectives
