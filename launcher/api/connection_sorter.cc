#include "api/connection_sorter.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

#include <boost/asio/steady_timer.hpp>

namespace trireme::launcher {

namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;

// A peer may send HTTP/2's preface in pieces. The socket stays readable then, so the next look is timed.
constexpr std::chrono::milliseconds kPauseBetweenLooks{10};

struct Peeked {
  std::string_view bytes;  // empty: the peer is gone, or nothing came yet
  bool is_too_early = false;
};

// The first bytes without taking them. Asio may wake a new socket with the readiness of the one that had its place in
// the reactor before, so "nothing to read yet" is an answer, not an end.
Peeked peek_bytes(tcp::socket& socket, std::array<char, kHttp2Preface.size()>& buffer) {
  const ssize_t got = ::recv(socket.native_handle(), buffer.data(), buffer.size(), MSG_PEEK | MSG_DONTWAIT);
  if (got > 0) return {.bytes = {buffer.data(), static_cast<std::size_t>(got)}};
  return {.is_too_early = got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)};
}

}  // namespace

struct ConnectionSorter::Waiting {
  explicit Waiting(tcp::socket s)
      : socket(std::move(s)), deadline(socket.get_executor()), pause(socket.get_executor()) {}
  tcp::socket socket;
  boost::asio::steady_timer deadline;
  boost::asio::steady_timer pause;
  std::list<Handle>::iterator position;
  bool is_listed = true;
};

ConnectionSorter::ConnectionSorter(Options options, Sinks sinks) : options_(options), sinks_(std::move(sinks)) {}

ConnectionSorter::~ConnectionSorter() = default;

void ConnectionSorter::sort(tcp::socket socket) {
  if (waiting_.size() >= options_.max_waiting) forget(waiting_.front());
  auto waiting = std::make_shared<Waiting>(std::move(socket));
  waiting->position = waiting_.insert(waiting_.end(), waiting);
  waiting->deadline.expires_after(options_.patience);
  waiting->deadline.async_wait([this, waiting](const error_code& error) {
    if (!error) forget(waiting);
  });
  peek_when_readable(waiting);
}

void ConnectionSorter::peek_when_readable(const Handle& waiting) {
  waiting->socket.async_wait(tcp::socket::wait_read,
                             [this, waiting](const error_code& error) { error ? forget(waiting) : peek(waiting); });
}

void ConnectionSorter::peek_after_pause(const Handle& waiting) {
  waiting->pause.expires_after(kPauseBetweenLooks);
  waiting->pause.async_wait([this, waiting](const error_code& error) {
    if (!error) peek(waiting);
  });
}

void ConnectionSorter::peek(const Handle& waiting) {
  if (!waiting->is_listed) return;
  std::array<char, kHttp2Preface.size()> buffer;
  const auto [bytes, is_too_early] = peek_bytes(waiting->socket, buffer);
  if (is_too_early) return peek_when_readable(waiting);
  if (bytes.empty()) return forget(waiting);
  const Protocol protocol = sniff(bytes);
  if (protocol == Protocol::kUndecided) return peek_after_pause(waiting);
  tcp::socket socket = std::move(waiting->socket);
  forget(waiting);
  if (const Sink& sink = sink_for(protocol)) sink(std::move(socket));
}

const ConnectionSorter::Sink& ConnectionSorter::sink_for(Protocol protocol) const {
  static const Sink kNone;
  if (protocol == Protocol::kGrpc) return sinks_.grpc;
  if (protocol == Protocol::kHttp) return sinks_.http;
  return protocol == Protocol::kTls ? sinks_.tls : kNone;
}

void ConnectionSorter::forget(const Handle& waiting) {
  if (!std::exchange(waiting->is_listed, false)) return;
  const Handle kept = waiting;  // `waiting` may be the list's own element
  waiting_.erase(kept->position);
  kept->deadline.cancel();
  kept->pause.cancel();
  error_code ignored;
  kept->socket.close(ignored);
}

}  // namespace trireme::launcher
