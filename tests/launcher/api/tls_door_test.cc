#include "api/tls_door.h"

#include <gtest/gtest.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "access/certificate.h"
#include "access/private_file.h"
#include "net/io_thread.h"
#include "net/listener.h"
#include "raw_peer.h"
#include "support/temporary_folder.h"

// TLS clients of a door, and what comes out at its plain side.
namespace trireme::launcher {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

// What is behind the door: the far ends of the plain sides, in the order in which connections came.
class Behind {
 public:
  UniqueFd take_in(std::string_view protocol) {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return {};
    const timeval patience{.tv_sec = 10, .tv_usec = 0};
    ::setsockopt(ends[1], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(ends[1], SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    const std::lock_guard lock(mutex_);
    arrived_.emplace_back(std::string(protocol), UniqueFd(ends[1]));
    changed_.notify_all();
    return UniqueFd(ends[0]);
  }
  std::pair<std::string, UniqueFd> next() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, std::chrono::seconds(10), [&] { return !arrived_.empty(); })) {
      throw std::runtime_error("nothing came through the door");
    }
    auto first = std::move(arrived_.front());
    arrived_.pop_front();
    return first;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::pair<std::string, UniqueFd>> arrived_;
};

class Door : public testing::Test {
 protected:
  explicit Door(TlsDoor::Options options = {}) {
    const KeyPair pair = make_self_signed("door", ServedNames(), 1);
    write_private_file(folder_ / "c.pem", pair.certificate);
    write_private_file(folder_ / "k.pem", pair.key);
    options.certificate = folder_ / "c.pem";
    options.key = folder_ / "k.pem";
    door_ = std::make_unique<TlsDoor>(options, [this](std::string_view protocol) { return behind_.take_in(protocol); });
    listener_ = std::make_unique<Listener>(io_.context(), ListenAddress{.face = "TLS", .host = "127.0.0.1"},
                                           [this](tcp::socket socket) { door_->welcome(std::move(socket)); });
  }
  ~Door() override { io_.stop(); }

  const test::TemporaryFolder folder_;
  Behind behind_;
  IoThread io_{"door"};
  std::unique_ptr<TlsDoor> door_;
  std::unique_ptr<Listener> listener_;
};

// A blocking TLS client that trusts whoever answers.
class Client {
 public:
  explicit Client(std::uint16_t port, std::string_view protocols = "", int newest = 0) : stream_(loop_, context_) {
    stream_.next_layer().connect({asio::ip::address_v4::loopback(), port});
    if (newest != 0) SSL_set_max_proto_version(stream_.native_handle(), newest);
    if (!protocols.empty()) {
      SSL_set_alpn_protos(stream_.native_handle(), reinterpret_cast<const unsigned char*>(protocols.data()),
                          static_cast<unsigned>(protocols.size()));
    }
  }
  error_code shake_hands() {
    error_code error;
    stream_.handshake(asio::ssl::stream_base::client, error);
    return error;
  }
  void send(std::string_view bytes) { asio::write(stream_, asio::buffer(bytes)); }
  std::string read(std::size_t bytes) {
    std::string text(bytes, '\0');
    asio::read(stream_, asio::buffer(text));
    return text;
  }
  error_code read_end() {
    char byte = 0;
    error_code error;
    asio::read(stream_, asio::buffer(&byte, 1), error);
    return error;
  }

 private:
  asio::io_context loop_;
  asio::ssl::context context_{asio::ssl::context::tls_client};
  asio::ssl::stream<tcp::socket> stream_;
};

std::string read_from(const UniqueFd& fd, std::size_t bytes) {
  std::string text(bytes, '\0');
  std::size_t taken = 0;
  while (taken < bytes) {
    const ssize_t got = ::read(fd.get(), text.data() + taken, bytes - taken);
    if (got <= 0) throw std::runtime_error("the plain side ended early");
    taken += static_cast<std::size_t>(got);
  }
  return text;
}

void write_to(const UniqueFd& fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) throw std::runtime_error("the plain side takes no more");
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

TEST_F(Door, JoinsAConnectionToItsPlainSideUntilOneEnds) {
  Client client(listener_->port());
  ASSERT_FALSE(client.shake_hands());
  client.send("hello");
  auto [protocol, plain] = behind_.next();
  EXPECT_EQ(read_from(plain, 5), "hello");
  write_to(plain, "world");
  EXPECT_EQ(client.read(5), "world");
  plain.reset();
  EXPECT_EQ(client.read_end(), asio::error::eof) << "the end was told, not a broken connection";
}

TEST_F(Door, PassesOnThatThePeerHasGone) {
  auto client = std::make_unique<Client>(listener_->port());
  ASSERT_FALSE(client->shake_hands());
  const auto [protocol, plain] = behind_.next();
  client.reset();
  char byte = 0;
  EXPECT_EQ(::read(plain.get(), &byte, 1), 0);
}

TEST_F(Door, AgreesOnHttp1WhereItIsOffered) {
  using std::string_view_literals::operator""sv;
  for (const auto& [offered, agreed] : {std::pair("\x02h2"sv, "h2"sv), std::pair("\x02h2\x08http/1.1"sv, "http/1.1"sv),
                                        std::pair("\x08grpc-exp\x02h2"sv, "h2"sv), std::pair(""sv, ""sv)}) {
    Client client(listener_->port(), offered);
    ASSERT_FALSE(client.shake_hands());
    EXPECT_EQ(behind_.next().first, agreed);
  }
}

TEST_F(Door, SpeaksNoOldTls) {
  EXPECT_TRUE(Client(listener_->port(), "", TLS1_1_VERSION).shake_hands());
  EXPECT_FALSE(Client(listener_->port(), "", TLS1_2_VERSION).shake_hands());
}

TEST_F(Door, CarriesManyBytesBothWays) {
  Client client(listener_->port());
  ASSERT_FALSE(client.shake_hands());
  const auto [protocol, plain] = behind_.next();
  std::string sent(3'000'000, '\0');
  for (std::size_t at = 0; at < sent.size(); ++at) sent[at] = static_cast<char>(at * 31 % 251);
  {
    const std::jthread writer([&] { client.send(sent); });
    EXPECT_EQ(read_from(plain, sent.size()), sent);
  }
  const std::jthread writer([&, &end = plain] { write_to(end, sent); });
  EXPECT_EQ(client.read(sent.size()), sent);
}

TEST_F(Door, ClosesOnWhatIsNoTls) {
  for (const std::string& bytes : {std::string(600, '\x16'), std::string("\x16\x03\x01\x00\x05hello", 10)}) {
    RawPeer peer(listener_->port());
    peer.send(bytes);
    peer.read_to_end();  // perhaps an alert, then the end
  }
  Client client(listener_->port());
  EXPECT_FALSE(client.shake_hands());
}

class ImpatientDoor : public Door {
 protected:
  ImpatientDoor() : Door({.patience = std::chrono::milliseconds(100)}) {}
};

TEST_F(ImpatientDoor, GivesUpHandshakesThatTakeTooLong) {
  RawPeer silent(listener_->port());
  RawPeer slow(listener_->port());
  slow.send(std::string("\x16\x03\x01", 3));
  EXPECT_EQ(silent.read_to_end(), "");
  EXPECT_EQ(slow.read_to_end(), "");
}

class NarrowDoor : public Door {
 protected:
  NarrowDoor() : Door({.most_handshakes = 2}) {}
};

TEST_F(NarrowDoor, GivesUpTheLongestHandshakeWhenTooManyAreUnderWay) {
  RawPeer first(listener_->port());
  RawPeer second(listener_->port());
  Client third(listener_->port());
  ASSERT_FALSE(third.shake_hands());
  EXPECT_EQ(first.read_to_end(), "");
}

}  // namespace
}  // namespace trireme::launcher
