#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "connection.h"
#include "inbox.h"

namespace trireme::collectives {

// Messages in frames over the data connections of a mesh: heads on one, data striped over the others.
class TcpMessenger final : public Messenger {
 public:
  // `sockets`: by peer, its data connections; empty for this rank. The readiness must outlive this.
  TcpMessenger(int rank, std::vector<std::vector<UniqueFd>> sockets, Readiness& readiness);
  TcpMessenger(const TcpMessenger&) = delete;
  TcpMessenger& operator=(const TcpMessenger&) = delete;

  [[nodiscard]] int rank() const noexcept override { return rank_; }
  [[nodiscard]] int size() const noexcept override { return static_cast<int>(peers_.size()); }
  void send(std::span<const std::byte> bytes, const Envelope& to, Batch& batch) override;
  void receive(std::span<std::byte> bytes, const Envelope& from, Batch& batch) override;
  bool progress() override;
  void cancel(const Batch& batch) noexcept override;

  // True while a task waits for what only `peer` can give and no connection can bring any more.
  [[nodiscard]] bool waits_in_vain(int peer) const;
  // Why a connection to `peer` has ended; null while all are open.
  [[nodiscard]] const std::string* broken(int peer) const;

 private:
  struct Peer {
    Peer(int rank, std::vector<UniqueFd> sockets, Readiness& readiness);
    bool progress();

    Inbox inbox;
    std::deque<Connection> connections;  // the first is for heads
    std::size_t next_stripe = 0;
  };
  Connection& connection_for(Peer& peer, MessageKind kind);

  const int rank_;
  Readiness& readiness_;
  std::vector<std::unique_ptr<Peer>> peers_;
  bool is_dead_ = false;
};

}  // namespace trireme::collectives
