#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

// What a backend must be able to do for the tasks of this folder: move bytes between pairs of ranks.
namespace trireme::collectives {

enum class MessageKind : std::uint8_t { kHead, kToOwner, kFromOwner, kMessageHead, kMessageBody };

// Names one message between this rank and `peer`: no two under way at a time have the same name. Messages of one kind
// to one peer are posted in the same order on both sides.
struct Envelope {
  int peer = 0;
  MessageKind kind = MessageKind::kHead;
  std::int32_t tag = 0;        // of a collective the chunk, of a message the caller's tag
  std::uint64_t sequence = 0;  // of the collective, or of the message among those of its tag
};

class Batch;

// Posts messages and moves them on. Never blocks. Threads: as Communicator.
class Messenger {
 public:
  virtual ~Messenger() = default;
  [[nodiscard]] virtual int rank() const noexcept = 0;
  [[nodiscard]] virtual int size() const noexcept = 0;
  // The bytes stay where they are until `batch` says that the message has left. Of 0 bytes nothing travels. To itself
  // a rank sends no collective's message.
  virtual void send(std::span<const std::byte> bytes, const Envelope& to, Batch& batch) = 0;
  // What arrives may be shorter than `bytes` for the two kinds of heads, and is never longer.
  virtual void receive(std::span<std::byte> bytes, const Envelope& from, Batch& batch) = 0;
  // True when anything moved.
  virtual bool progress() = 0;
  // Forgets the messages of a batch that is given up: the communicator is dead.
  virtual void cancel(const Batch& batch) noexcept = 0;
};

// Messages posted together, counted down as they complete. What is under way on destruction is cancelled.
class Batch {
 public:
  explicit Batch(Messenger& messenger) : messenger_(messenger), by_peer_(static_cast<std::size_t>(messenger.size())) {}
  ~Batch() {
    if (!done()) messenger_.cancel(*this);
  }
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  [[nodiscard]] bool done() const noexcept { return pending_ == 0; }
  [[nodiscard]] bool waits_for(int peer) const { return by_peer_[static_cast<std::size_t>(peer)] > 0; }

  // For messengers.
  void posted(int peer) {
    ++pending_;
    ++by_peer_[static_cast<std::size_t>(peer)];
  }
  void completed(int peer) {
    --pending_;
    --by_peer_[static_cast<std::size_t>(peer)];
  }

 private:
  Messenger& messenger_;
  int pending_ = 0;
  std::vector<int> by_peer_;
};

}  // namespace trireme::collectives
