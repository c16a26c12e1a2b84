#include "dask/server/transport.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>

namespace trireme::launcher::dask {

namespace {

namespace asio = boost::asio;

constexpr unsigned kUnacknowledgedMs = 30'000;
constexpr int kGreatDeal = 64 << 10;  // of what comes: half of a socket's buffer

// A peer whose host vanished is given up after 30 s, as Dask's own peers do.
void set_options(Transport::Socket& socket) {
  boost::system::error_code ignored;  // the peer may be gone already; the first read says so
  socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
  ::setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT, &kUnacknowledgedMs, sizeof kUnacknowledgedMs);
}

bool is_empty(int reason) { return reason == EAGAIN || reason == EWOULDBLOCK; }

}  // namespace

Transport::Transport(Socket socket, Security security) : security_(std::move(security)) {
  set_options(socket);
  if (security_) {
    secure_.emplace(std::move(socket), *security_);
  } else {
    plain_.emplace(std::move(socket));
  }
}

Awaitable<void> Transport::shake_hands(bool as_server) {
  if (!secure_) co_return;
  const auto side = as_server ? asio::ssl::stream_base::server : asio::ssl::stream_base::client;
  co_await secure_->async_handshake(side, asio::use_awaitable);
}

Awaitable<std::size_t> Transport::read_some(std::span<char> room) {
  const asio::mutable_buffer buffer(room.data(), room.size());
  if (secure_) co_return co_await secure_->async_read_some(buffer, asio::use_awaitable);
  co_return co_await plain_->async_read_some(buffer, asio::use_awaitable);
}

std::size_t Transport::read_now(std::span<char> room) {
  if (secure_) return 0;  // parts of a record may be all there is
  const auto count = ::recv(socket().native_handle(), room.data(), room.size(), MSG_DONTWAIT);
  return count > 0 ? static_cast<std::size_t>(count) : 0;
}

void Transport::close() {
  boost::system::error_code ignored;
  socket().shutdown(Socket::shutdown_both, ignored);
  socket().close(ignored);
}

void Transport::wake_for_input(bool wakes) {
  boost::system::error_code ignored;  // the peer may be gone
  socket().set_option(asio::socket_base::receive_low_watermark(wakes ? 1 : kGreatDeal), ignored);
}

bool Transport::is_quiet() {
  char byte = 0;
  return ::recv(socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && is_empty(errno);
}

bool Transport::has_ended() {
  char byte = 0;
  const auto count = ::recv(socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return count == 0 || (count < 0 && !is_empty(errno));
}

}  // namespace trireme::launcher::dask
