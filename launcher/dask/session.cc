#include "dask/session.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <utility>

#include <spdlog/spdlog.h>
#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>

#include "dask/message.h"

namespace trireme::launcher::dask {

namespace {

namespace asio = boost::asio;

// A handshake has three small entries. Larger first messages are other protocols read as lengths.
constexpr FrameLimits kHandshakeLimits{.message_bytes = 4096, .payload_bytes = 0, .frames = 4};
constexpr unsigned kUnacknowledgedMs = 30'000;

// A peer whose host vanished is given up after 30 s, as Dask's own peers do.
void limit_unacknowledged_time(asio::ip::tcp::socket& socket) {
  ::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT, &kUnacknowledgedMs, sizeof kUnacknowledgedMs);
}

}  // namespace

Session::Session(asio::ip::tcp::socket socket, Scene scene)
    : socket_(std::move(socket)),
      deadline_(socket_.get_executor()),
      scene_(std::move(scene)),
      reader_(kHandshakeLimits) {}

void Session::start() {
  limit_unacknowledged_time(socket_);
  deadline_.expires_after(kPatience);
  deadline_.async_wait([self = shared_from_this()](const ErrorCode& error) {
    if (!error) self->close();
  });
  write(encode_frame(handshake()));
}

void Session::read() {
  socket_.async_read_some(asio::buffer(bytes_), [self = shared_from_this()](const ErrorCode& error, std::size_t count) {
    if (error) return self->close();
    self->unread_ = {self->bytes_.data(), count};
    self->advance();
  });
}

// Handles messages until one has to be answered, all bytes are used or the connection is over.
void Session::advance() {
  try {
    while (!unread_.empty()) {
      if (!handle_next()) return;
    }
  } catch (const Error& error) {
    spdlog::info("event=dask_peer_dropped reason=\"{}\"", error.what());
    return close();
  }
  if (mode_ == Then::kClose) return close();
  read();
}

// False when a write has begun, which goes on from here once it is done.
bool Session::handle_next() {
  const auto frame = reader_.next(unread_);
  if (!frame) return true;
  Answer given = has_shaken_hands_ ? answer(*frame) : accept_handshake(*frame);
  mode_ = given.then;
  if (mode_ == Then::kClose) unread_ = {};
  if (!given.message) return true;
  write(encode_frame(*given.message));
  return false;
}

Answer Session::accept_handshake(std::string_view frame) {
  if (!is_handshake(Message::decode(frame).root())) throw MessageError("the first message is no handshake");
  has_shaken_hands_ = true;
  deadline_.cancel();
  reader_.set_limits({});
  return {};
}

Answer Session::answer(std::string_view frame) {
  const Message message = Message::decode(frame);
  return mode_ == Then::kStream ? answer_stream(message.root(), scene_) : answer_request(message.root(), scene_);
}

void Session::write(std::string frame) {
  written_ = std::move(frame);
  asio::async_write(socket_, asio::buffer(written_), [self = shared_from_this()](const ErrorCode& error, std::size_t) {
    if (error) return self->close();
    self->written_ = {};
    self->advance();
  });
}

void Session::close() {
  ErrorCode ignored;
  deadline_.cancel();
  socket_.shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
  socket_.close(ignored);
}

}  // namespace trireme::launcher::dask
