#include "strangers.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "trireme/base/tcp_socket.h"

namespace trireme::collectives {
namespace {

constexpr std::size_t kMostStrangers = 256;

}  // namespace

std::vector<Guest> Strangers::welcome(std::chrono::milliseconds patience) {
  wait(patience);
  accept_all();
  std::vector<Guest> guests;
  for (auto stranger = strangers_.begin(); stranger != strangers_.end();) {
    const bool is_useful = listen_to(*stranger);
    if (is_useful && stranger->count < kHelloBytes) {
      ++stranger;
      continue;
    }
    const auto hello = is_useful ? decode_hello(stranger->bytes) : std::nullopt;
    if (hello) guests.push_back({std::move(stranger->socket), *hello});
    stranger = strangers_.erase(stranger);
  }
  return guests;
}

void Strangers::wait(std::chrono::milliseconds patience) const {
  std::vector<pollfd> entries = {{.fd = listener_, .events = POLLIN, .revents = 0}};
  for (const auto& stranger : strangers_) {
    entries.push_back({.fd = stranger.socket.get(), .events = POLLIN, .revents = 0});
  }
  ::poll(entries.data(), entries.size(), static_cast<int>(patience.count()));
}

void Strangers::accept_all() {
  int error = 0;
  while (auto socket = accept_tcp(listener_, error)) {
    if (strangers_.size() == kMostStrangers) strangers_.pop_front();
    strangers_.push_back({.socket = std::move(socket)});
  }
}

// A hello and not a byte more is read: what follows belongs to whoever gets the connection.
bool Strangers::listen_to(Stranger& stranger) {
  while (stranger.count < kHelloBytes) {
    const auto count = ::recv(stranger.socket.get(), stranger.bytes.data() + stranger.count,
                              kHelloBytes - stranger.count, MSG_DONTWAIT);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno == EAGAIN || errno == EWOULDBLOCK;
    if (count == 0) return false;
    stranger.count += static_cast<std::size_t>(count);
  }
  return true;
}

}  // namespace trireme::collectives
