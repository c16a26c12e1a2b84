#include "tcp_messenger.h"

#include <algorithm>

namespace trireme::collectives {
namespace {

constexpr std::size_t kAheadOfHeads = std::size_t{64} << 10;

}  // namespace

TcpMessenger::Peer::Peer(int rank, std::vector<UniqueFd> sockets, Readiness& readiness) : inbox(rank) {
  for (auto& socket : sockets) {
    connections.emplace_back(std::move(socket), readiness, inbox,
                             connections.empty() ? kAheadOfHeads : kFrameHeaderBytes);
  }
}

TcpMessenger::TcpMessenger(int rank, std::vector<std::vector<UniqueFd>> sockets, Readiness& readiness)
    : rank_(rank), readiness_(readiness) {
  for (auto& of_peer : sockets) {
    peers_.push_back(std::make_unique<Peer>(static_cast<int>(peers_.size()), std::move(of_peer), readiness));
  }
}

Connection& TcpMessenger::connection_for(Peer& peer, MessageKind kind) {
  if (is_head(kind)) return peer.connections.front();
  const auto stripes = peer.connections.size() - 1;
  return peer.connections[1 + peer.next_stripe++ % stripes];
}

void TcpMessenger::send(std::span<const std::byte> bytes, const Envelope& to, Batch& batch) {
  auto& peer = *peers_[static_cast<std::size_t>(to.peer)];
  if (to.peer == rank_) return peer.inbox.take(bytes, to);
  for (std::size_t offset = 0; offset < bytes.size(); offset += kLargestFrame) {
    const auto length = std::min<std::size_t>(kLargestFrame, bytes.size() - offset);
    const FrameHeader header{.kind = to.kind,
                             .tag = to.tag,
                             .sequence = to.sequence,
                             .total = bytes.size(),
                             .offset = offset,
                             .length = static_cast<std::uint32_t>(length)};
    connection_for(peer, to.kind).queue(header, bytes.data() + offset, to.peer, batch);
  }
}

void TcpMessenger::receive(std::span<std::byte> bytes, const Envelope& from, Batch& batch) {
  peers_[static_cast<std::size_t>(from.peer)]->inbox.receive(bytes, from, batch);
}

bool TcpMessenger::progress() {
  if (is_dead_) return false;
  readiness_.look(std::chrono::milliseconds(0));
  bool moved = false;
  // From the next rank on: if all began with rank 0, its link would have to take all of them while the others idle.
  for (int i = 1; i < size(); ++i) moved |= peers_[static_cast<std::size_t>((rank_ + i) % size())]->progress();
  return moved;
}

bool TcpMessenger::Peer::progress() {
  bool moved = false;
  for (auto& connection : connections) {
    if (connection.wants_to_send()) moved |= connection.send();
    const bool is_for_heads = &connection == &connections.front();
    if (is_for_heads ? inbox.wants_heads() : inbox.wants_data()) moved |= connection.receive();
  }
  return moved;
}

// What is half sent or half received cannot be taken back, so nothing moves after this.
void TcpMessenger::cancel(const Batch& batch) noexcept {
  is_dead_ = true;
  for (const auto& peer : peers_) {
    peer->inbox.cancel(batch);
    for (auto& connection : peer->connections) connection.cancel(batch);
  }
}

// Data is striped: what is wanted may still lie in one connection when another has been read to its end.
bool TcpMessenger::waits_in_vain(int peer) const {
  const auto& inbox = peers_[static_cast<std::size_t>(peer)]->inbox;
  const auto& connections = peers_[static_cast<std::size_t>(peer)]->connections;
  bool has_data_connection = false;
  for (const auto& connection : connections) {
    if (!connection.is_open() && connection.wants_to_send()) return true;
    has_data_connection |= &connection != &connections.front() && connection.is_open();
  }
  if (inbox.wants_heads() && !connections.front().is_open()) return true;
  return inbox.wants_data() && !has_data_connection;
}

const std::string* TcpMessenger::broken(int peer) const {
  for (const auto& connection : peers_[static_cast<std::size_t>(peer)]->connections) {
    if (!connection.is_open()) return &connection.end();
  }
  return nullptr;
}

}  // namespace trireme::collectives
