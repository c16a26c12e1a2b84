#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "../operation.h"
#include "messenger.h"
#include "scratch.h"

namespace trireme::collectives {

// One rank's end of a group that works by messages: what its tasks share. Must outlive them.
class ExchangeGroup {
 public:
  explicit ExchangeGroup(Messenger& messenger)
      : messenger_(messenger), heard_(static_cast<std::size_t>(messenger.size())) {}
  ExchangeGroup(const ExchangeGroup&) = delete;
  ExchangeGroup& operator=(const ExchangeGroup&) = delete;

  [[nodiscard]] Messenger& messenger() const noexcept { return messenger_; }
  [[nodiscard]] int rank() const noexcept { return messenger_.rank(); }
  [[nodiscard]] int size() const noexcept { return messenger_.size(); }
  [[nodiscard]] ScratchPool& scratch() noexcept { return scratch_; }

  // Calls action(peer) for every other rank, this rank's successor first, so that not everybody begins with rank 0.
  template <typename Action>
  void for_each_peer(Action&& action) const {
    for (int distance = 1; distance < size(); ++distance) action((rank() + distance) % size());
  }

  // Notes the collective that `rank` has called.
  void heard(int rank, const Signature& signature);
  // "has called all_reduce #12 of 1024 float32, sum (4096 bytes)"
  [[nodiscard]] std::string standing(int rank) const;

  // Numbers the messages of a tag between this rank and a peer, each direction by itself.
  [[nodiscard]] std::uint64_t next_sent(int peer, int tag) { return sent_[{peer, tag}]++; }
  [[nodiscard]] std::uint64_t next_received(int peer, int tag) { return received_[{peer, tag}]++; }

 private:
  Messenger& messenger_;
  std::vector<Signature> heard_;  // by rank: the last collective of each that is known
  ScratchPool scratch_;
  std::map<std::pair<int, int>, std::uint64_t> sent_;
  std::map<std::pair<int, int>, std::uint64_t> received_;
};

}  // namespace trireme::collectives
