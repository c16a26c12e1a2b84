#include "heads.h"

#include <cstring>

#include "trireme/base/check.h"
#include "trireme/base/error.h"

namespace trireme::collectives {

Heads::Heads(ExchangeGroup& group, const Signature& signature, const PayloadFor& payload_for)
    : group_(group),
      signature_(signature),
      incoming_(group.scratch(), kHeadCapacity * static_cast<std::size_t>(group.size())),
      is_noted_(static_cast<std::size_t>(group.size())),
      arriving_(group.messenger()),
      leaving_(group.messenger()) {
  group.heard(group.rank(), signature);
  group.for_each_peer([&](int peer) {
    group.messenger().receive({slot(peer), kHeadCapacity}, {peer, MessageKind::kHead, 0, signature.sequence},
                              arriving_);
  });
  send_to_all(payload_for);
}

// Peers that get the same bytes get them from the same copy.
void Heads::send_to_all(const PayloadFor& payload_for) {
  std::vector<Buffer> payloads(static_cast<std::size_t>(group_.size()));
  std::size_t total = 0;
  group_.for_each_peer([&](int peer) {
    auto& payload = payloads[static_cast<std::size_t>(peer)] = payload_for(peer);
    TRIREME_CHECK(payload.bytes() <= kMostInlineBytes, "{} bytes in a head", payload.bytes());
    total += sizeof(Signature) + payload.bytes();
  });
  outgoing_.emplace(group_.scratch(), total);
  auto* next = outgoing_->data();
  const Buffer* last = nullptr;
  std::span<const std::byte> head;
  group_.for_each_peer([&](int peer) {
    const auto& payload = payloads[static_cast<std::size_t>(peer)];
    if (last == nullptr || last->data != payload.data || last->bytes() != payload.bytes()) {
      std::memcpy(next, &signature_, sizeof signature_);
      if (payload.count > 0) std::memcpy(next + sizeof signature_, payload.data, payload.bytes());
      head = {next, sizeof signature_ + payload.bytes()};
      next += head.size();
    }
    last = &payload;
    group_.messenger().send(head, {peer, MessageKind::kHead, 0, signature_.sequence}, leaving_);
  });
}

std::byte* Heads::slot(int rank) const { return incoming_.data() + kHeadCapacity * static_cast<std::size_t>(rank); }

Signature Heads::signature_of(int rank) const {
  if (rank == group_.rank()) return signature_;
  Signature signature;
  std::memcpy(&signature, slot(rank), sizeof signature);
  return signature;
}

void Heads::note_arrivals() {
  group_.for_each_peer([&](int peer) {
    if (is_noted_[static_cast<std::size_t>(peer)] || waits_for(peer)) return;
    is_noted_[static_cast<std::size_t>(peer)] = true;
    group_.heard(peer, signature_of(peer));
  });
}

void Heads::compare() const {
  std::vector<Signature> by_rank;
  for (int rank = 0; rank < group_.size(); ++rank) by_rank.push_back(signature_of(rank));
  if (const auto mismatch = find_mismatch(by_rank)) throw MismatchError(*mismatch);
}

}  // namespace trireme::collectives
