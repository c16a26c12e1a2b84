#include <chrono>
#include <string>
#include <string_view>

#include "store/frame.h"
#include "store/store_service.h"
#include "targets.h"
#include "trireme/base/check.h"
#include "trireme/base/error.h"

namespace trireme::fuzz {

namespace {

using detail::FrameDecoder;
using detail::FrameType;
using detail::StoreFrame;
using detail::StoreService;

void check_round_trip(const StoreFrame& frame) {
  std::string bytes;
  detail::append_frame(bytes, frame);
  FrameDecoder decoder;
  decoder.feed(bytes);
  TRIREME_CHECK(decoder.next() == frame, "a decoded frame does not encode to itself");
  TRIREME_CHECK(!decoder.next(), "a frame leaves bytes behind");
}

// A server with one honest client (connection 1) and one that sends what the fuzzer likes (connection 2).
class Server {
 public:
  Server() {
    service_.connected(1, now_);
    service_.received(1, {.type = FrameType::kHello,
                          .id = detail::kStoreProtocolVersion,
                          .number = 0,
                          .key = "node",
                          .value = std::string(detail::kStoreMagic)});
    service_.connected(2, now_);
  }

  void receive(const StoreFrame& frame) {
    service_.heard(2, now_);
    service_.received(2, frame);
    service_.heard(1, now_);
    service_.tick(now_ += std::chrono::milliseconds(100));
    for (const auto& reply : service_.take_replies()) check_round_trip(reply.frame);
    for (const auto connection : service_.take_closing()) {
      TRIREME_CHECK(connection != 1, "a stranger's frame closed another connection");
      service_.closed(connection);
    }
  }

  void check_honest_client() {
    service_.received(1, {.type = FrameType::kSet, .id = 7, .key = "honest", .value = "value"});
    bool is_answered = false;
    for (const auto& reply : service_.take_replies()) is_answered |= reply.to == 1 && reply.frame.id == 7;
    TRIREME_CHECK(is_answered, "the honest client got no answer");
  }

 private:
  StoreService::Time now_{};
  StoreService service_{StoreService::Options{}};
};

void decode(std::string_view stream, std::size_t piece, Server& server) {
  FrameDecoder decoder(std::size_t{1} << 16);
  for (; !stream.empty(); stream.remove_prefix(std::min(piece, stream.size()))) {
    decoder.feed(stream.substr(0, piece));
    while (const auto frame = decoder.next()) {
      check_round_trip(*frame);
      server.receive(*frame);
    }
  }
}

}  // namespace

// The first byte chooses the size of the pieces that "arrive".
void store_frames(Bytes bytes) {
  if (bytes.empty()) return;
  const std::size_t piece = bytes[0] + std::size_t{1};
  const std::string_view stream(reinterpret_cast<const char*>(bytes.data()) + 1, bytes.size() - 1);
  Server server;
  try {
    decode(stream, piece, server);
  } catch (const DataError&) {
    // What the server answers by closing the connection.
  }
  server.check_honest_client();
}

}  // namespace trireme::fuzz
