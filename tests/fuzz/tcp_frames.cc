#include <algorithm>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "targets.h"
#include "tcp/inbox.h"
#include "trireme/base/check.h"
#include "trireme/base/error.h"

namespace trireme::fuzz {

namespace {

using namespace collectives;

constexpr std::size_t kLongest = std::size_t{1} << 16;

class NoMessenger final : public Messenger {
 public:
  [[nodiscard]] int rank() const noexcept override { return 0; }
  [[nodiscard]] int size() const noexcept override { return 2; }
  void send(std::span<const std::byte>, const Envelope&, Batch&) override {}
  void receive(std::span<std::byte>, const Envelope&, Batch&) override {}
  bool progress() override { return false; }
  void cancel(const Batch&) noexcept override {}
};

// A rank that waits for a head and for two pieces of data of its peer. Memory for what nobody asked for is bounded here
// as no rank's is: it trusts its peers that far.
class Receiver final : public FrameSink {
 public:
  Receiver() : head_(100), piece_(1000), batch_(messenger_) {
    inbox_.receive(head_, {.peer = 1, .kind = MessageKind::kHead, .sequence = 1}, batch_);
    inbox_.receive(piece_, {.peer = 1, .kind = MessageKind::kToOwner, .sequence = 1}, batch_);
    inbox_.receive(other_, {.peer = 1, .kind = MessageKind::kFromOwner, .sequence = 1}, batch_);
  }
  ~Receiver() override { inbox_.cancel(batch_); }

  std::byte* place(const FrameHeader& header) override {
    TRIREME_CHECK(header.length > 0 && header.offset + header.length <= header.total, "a frame outside its message");
    TRIREME_CHECK(decode_header(encode(header)) == header, "a header does not encode to itself");
    return header.total > kLongest ? nullptr : inbox_.place(header);
  }
  void arrived(const FrameHeader& header) override { inbox_.arrived(header); }

 private:
  std::vector<std::byte> head_;
  std::vector<std::byte> piece_;
  std::vector<std::byte> other_ = std::vector<std::byte>(7);
  NoMessenger messenger_;
  Inbox inbox_{1};
  Batch batch_;
};

void read_frames(std::span<const std::byte> stream, std::size_t piece, std::size_t ahead) {
  Receiver receiver;
  FrameReader reader(receiver, ahead);
  while (!stream.empty() && !reader.is_waiting()) {
    std::size_t taken = 0;
    for (const auto& target : reader.targets()) {
      const auto bytes = std::min({target.iov_len, stream.size() - taken, piece - taken});
      if (bytes > 0) std::memcpy(target.iov_base, stream.data() + taken, bytes);
      taken += bytes;
    }
    stream = stream.subspan(taken);
    reader.advance(taken);
    if (reader.is_waiting()) (void)reader.resume();
  }
}

void read_records(std::span<const std::byte> stream, std::size_t piece) {
  RecordReader reader;
  for (; !stream.empty(); stream = stream.subspan(std::min(piece, stream.size()))) {
    reader.feed(stream.first(std::min(piece, stream.size())));
    while (const auto record = reader.next()) {
      RecordReader again;
      const auto bytes = encode(*record);
      again.feed(std::as_bytes(std::span(bytes)));
      const auto same = again.next();
      TRIREME_CHECK(same && same->failure.text == record->failure.text, "a record does not encode to itself");
    }
  }
}

void read_hello(std::span<const std::byte> stream) {
  if (stream.size() < kHelloBytes) return;
  const auto bytes = stream.first<kHelloBytes>();
  const auto hello = decode_hello(bytes);
  TRIREME_CHECK(!hello || std::ranges::equal(encode(*hello), bytes), "a hello does not encode to itself");
}

template <typename Read>
void read_or_refuse(Read&& read) {
  try {
    read();
  } catch (const CommError&) {
    // What a rank answers by giving up the communicator.
  }
}

}  // namespace

// The first byte chooses the size of the pieces that "arrive" and how far is read ahead.
void tcp_frames(Bytes bytes) {
  if (bytes.empty()) return;
  const std::size_t piece = bytes[0] + std::size_t{1};
  const auto stream = std::as_bytes(bytes.subspan(1));
  read_hello(stream);
  read_or_refuse([&] { read_frames(stream, piece, bytes[0] % 2 == 0 ? 0 : 4096); });
  read_or_refuse([&] { read_records(stream, piece); });
}

}  // namespace trireme::fuzz
