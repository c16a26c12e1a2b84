#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <vector>

#include "exchange_group.h"

namespace trireme::collectives {

// What a head can carry behind its signature.
inline constexpr std::size_t kMostInlineBytes = std::size_t{32} << 10;
inline constexpr std::size_t kHeadCapacity = sizeof(Signature) + kMostInlineBytes;

// The first message of every rank to every other in a collective: what it has called and, where all of the operation's
// data is small, that data. So a disagreement is found before data is mixed, at the price of no round of its own.
class Heads {
 public:
  // What goes to a peer behind the signature, at most kMostInlineBytes; copied.
  using PayloadFor = std::function<Buffer(int peer)>;
  Heads(ExchangeGroup& group, const Signature& signature, const PayloadFor& payload_for);

  // Tells the group whom it has heard of.
  void note_arrivals();
  [[nodiscard]] bool have_arrived() const noexcept { return arriving_.done(); }
  [[nodiscard]] bool have_left() const noexcept { return leaving_.done(); }
  [[nodiscard]] bool waits_for(int peer) const { return arriving_.waits_for(peer); }
  [[nodiscard]] bool still_sends_to(int peer) const { return leaving_.waits_for(peer); }
  // Throws MismatchError unless all ranks have called the same. Once all have arrived.
  void compare() const;
  // What `peer` sent behind its signature, as elements like those of `shape`. Once compared.
  [[nodiscard]] Buffer payload_as(int peer, Buffer shape) const {
    shape.data = slot(peer) + sizeof(Signature);
    return shape;
  }

 private:
  [[nodiscard]] std::byte* slot(int rank) const;
  [[nodiscard]] Signature signature_of(int rank) const;
  void send_to_all(const PayloadFor& payload_for);

  ExchangeGroup& group_;
  const Signature signature_;
  const Scratch incoming_;
  std::optional<Scratch> outgoing_;
  std::vector<bool> is_noted_;
  Batch arriving_;  // behind the memory its messages are in: destroyed first
  Batch leaving_;
};

}  // namespace trireme::collectives
