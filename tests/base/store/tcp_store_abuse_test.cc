#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <thread>
#include <vector>

#include "store/frame.h"
#include "trireme/base/error.h"
#include "trireme/base/store.h"
#include "trireme/base/tcp_socket.h"

// What strangers on the port may do: be closed, and nothing else.
namespace trireme {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;

// A plain connection that speaks whatever the test wants.
class Stranger {
 public:
  explicit Stranger(const TcpStoreServer& server) {
    std::string error;
    socket_ = connect_tcp("127.0.0.1", server.port(), in(10s), error);
    EXPECT_TRUE(socket_) << error;
  }
  void send(const std::string& bytes) const { ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL); }
  [[nodiscard]] bool is_closed_by_server() const {
    std::array<char, 4096> bytes;
    for (;;) {
      if (wait_for_events(socket_.get(), POLLIN, in(20s)) == 0) return false;
      if (::recv(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT) <= 0) return true;
    }
  }

 private:
  static std::chrono::steady_clock::time_point in(std::chrono::seconds time) {
    return std::chrono::steady_clock::now() + time;
  }
  UniqueFd socket_;
};

struct Abuse {
  std::string name;
  std::string bytes;
};
void PrintTo(const Abuse& abuse, std::ostream* out) { *out << abuse.name; }

class TcpStoreAbuse : public testing::TestWithParam<Abuse> {};

TEST_P(TcpStoreAbuse, IsClosedWhileOthersAreServed) {
  const TcpStoreServer server({});
  TcpStore store({.port = server.port(), .rank = 0});
  const Stranger stranger(server);
  stranger.send(GetParam().bytes);
  EXPECT_TRUE(stranger.is_closed_by_server());
  EXPECT_EQ(store.add("counter", 1), 1);
  EXPECT_TRUE(server.lost().empty());
}

std::string framed(const detail::StoreFrame& frame) {
  std::string bytes;
  detail::append_frame(bytes, frame);
  return bytes;
}

const std::vector<Abuse> kAbuses{
    {"WebProbe", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
    {"HugeLength", "\xff\xff\xff\xff"},
    {"NoLength", std::string(4, '\0')},
    {"UnknownType", "\x00\x10\x00\x00\x77"s},
    {"NoHello", framed({.type = detail::FrameType::kSet, .key = "counter", .value = "9"})},
    {"OtherMagic", framed({.type = detail::FrameType::kHello, .id = 1, .value = "other-store"})},
    {"OtherVersion", framed({.type = detail::FrameType::kHello, .id = 99, .value = "trireme-store"})},
    {"Flood", std::string(100000, '\x7f')},
};
INSTANTIATE_TEST_SUITE_P(Of, TcpStoreAbuse, testing::ValuesIn(kAbuses),
                         [](const auto& abuse) { return abuse.param.name; });

TEST(TcpStoreServer, ServesOthersWhileAStrangerDribbles) {
  const TcpStoreServer server({});
  const Stranger stranger(server);
  const auto hello = framed({.type = detail::FrameType::kHello, .id = 1, .number = 4, .value = "trireme-store"});
  stranger.send(hello.substr(0, hello.size() - 1));
  TcpStore store({.port = server.port(), .rank = 4});
  EXPECT_EQ(store.add("counter", 1), 1);
}

TEST(TcpStoreServer, ClosesAGreetedClientThatTurnsToGarbage) {
  const TcpStoreServer server({});
  const Stranger stranger(server);
  stranger.send(framed({.type = detail::FrameType::kHello, .id = 1, .number = 4, .value = "trireme-store"}));
  stranger.send("\xff\xff\xff\xff");
  EXPECT_TRUE(stranger.is_closed_by_server());
  EXPECT_EQ(server.lost().size(), 1U) << "a rank whose bytes are garbage is a lost rank";
}

TEST(TcpStoreServer, ClosesAClientThatTakesNoReplies) {
  const TcpStoreServer server({});
  TcpStore store({.port = server.port()});
  store.set("large", std::string(std::size_t{16} << 20, 'x'));
  const Stranger stranger(server);
  stranger.send(framed({.type = detail::FrameType::kHello, .id = 1, .number = -1, .value = "trireme-store"}));
  for (std::uint64_t id = 1; id <= 10; ++id) {
    stranger.send(framed({.type = detail::FrameType::kGet, .id = id, .key = "large"}));
  }
  EXPECT_TRUE(stranger.is_closed_by_server());
  EXPECT_EQ(store.add("counter", 1), 1);
}

bool becomes_readable(int fd) { return wait_for_events(fd, POLLIN, std::chrono::steady_clock::now() + 20s) != 0; }

// Takes one connection and answers its first bytes as a web server would.
void answer_as_web_server(int listener) {
  EXPECT_TRUE(becomes_readable(listener));
  int error = 0;
  const UniqueFd connection = accept_tcp(listener, error);
  EXPECT_TRUE(becomes_readable(connection.get()));
  std::array<char, 4096> bytes;
  EXPECT_GT(::recv(connection.get(), bytes.data(), bytes.size(), 0), 0);
  const std::string answer = "HTTP/1.1 400 Bad Request\r\n\r\n";
  EXPECT_GT(::send(connection.get(), answer.data(), answer.size(), MSG_NOSIGNAL), 0);
}

TEST(TcpStore, SaysThatTheServerIsNoStore) {
  const auto listener = listen_tcp("test", "127.0.0.1", 0);
  const std::jthread web_server([&] { answer_as_web_server(listener.socket.get()); });
  const TcpStore::Options options{.port = listener.port, .connect_timeout = 20s};
  EXPECT_THROW(TcpStore{options}, ConfigError);
}

}  // namespace
}  // namespace trireme
