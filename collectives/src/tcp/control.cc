#include "control.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "trireme/base/error.h"

namespace trireme::collectives {

Control::Control(std::vector<UniqueFd> sockets, std::vector<RecordReader> readers, Readiness& readiness) {
  for (std::size_t peer = 0; peer < sockets.size(); ++peer) {
    auto* ready = sockets[peer] ? &readiness.watch(sockets[peer].get()) : nullptr;
    peers_.push_back({.socket = std::move(sockets[peer]), .reader = std::move(readers[peer]), .ready = ready});
  }
}

Control::~Control() {
  if (!is_over_.exchange(true)) send_to_all({.kind = Record::Kind::kGoodbye});
}

std::optional<Failure> Control::heard() {
  for (auto& peer : peers_) {
    if (peer.socket && peer.end.empty() && peer.ready->to_read) read(peer);
  }
  return failure_;
}

void Control::read(Peer& peer) {
  std::array<std::byte, 4096> bytes;
  for (;;) {
    const auto count = ::recv(peer.socket.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
    if (count <= 0) {
      peer.end = count == 0 ? "connection closed" : std::generic_category().message(errno);
      break;
    }
    peer.reader.feed({bytes.data(), static_cast<std::size_t>(count)});
  }
  peer.ready->to_read = false;
  while (const auto record = peer.reader.next()) {
    peer.is_leaving |= record->kind == Record::Kind::kGoodbye;
    if (record->kind != Record::Kind::kFailure || failure_) continue;
    failure_ = record->failure;
    is_over_.store(true);
  }
}

void Control::tell(const Failure& failure) noexcept {
  if (is_over_.exchange(true)) return;
  send_to_all({.kind = Record::Kind::kFailure, .failure = failure});
}

// At most two small records cross a connection in its life: the system always has room for them.
void Control::send_to_all(const Record& record) const noexcept {
  const auto bytes = encode(record);
  for (const auto& peer : peers_) {
    if (peer.socket) (void)!::send(peer.socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  }
}

}  // namespace trireme::collectives
