#include "api/connection_sorter.h"

#include <sys/socket.h>

#include <array>
#include <string_view>
#include <utility>

#include <boost/asio/steady_timer.hpp>

#include "api/protocol_sniff.h"

namespace trireme::launcher {

namespace {

using boost::asio::ip::tcp;
using boost::system::error_code;

// A peer may send HTTP/2's preface in pieces. The socket stays readable then, so the next look is timed.
constexpr std::chrono::milliseconds kPauseBetweenLooks{10};

// The first bytes without taking them; empty when the peer is gone.
std::string_view peek_bytes(tcp::socket& socket, std::array<char, kHttp2Preface.size()>& buffer) {
  const ssize_t got = ::recv(socket.native_handle(), buffer.data(), buffer.size(), MSG_PEEK | MSG_DONTWAIT);
  return {buffer.data(), got > 0 ? static_cast<std::size_t>(got) : 0};
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

ConnectionSorter::ConnectionSorter(Options options, Sink on_grpc, Sink on_http)
    : options_(options), on_grpc_(std::move(on_grpc)), on_http_(std::move(on_http)) {}

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
  std::array<char, kHttp2Preface.size()> buffer;
  const std::string_view bytes = peek_bytes(waiting->socket, buffer);
  if (!waiting->is_listed) return;
  if (bytes.empty()) return forget(waiting);
  const Protocol protocol = sniff(bytes);
  if (protocol == Protocol::kUndecided) return peek_after_pause(waiting);
  tcp::socket socket = std::move(waiting->socket);
  forget(waiting);
  if (protocol == Protocol::kGrpc) on_grpc_(std::move(socket));
  if (protocol == Protocol::kHttp) on_http_(std::move(socket));
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
