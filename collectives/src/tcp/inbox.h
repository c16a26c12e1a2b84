#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "frame_reader.h"

namespace trireme::collectives {

// Heads are small and travel on a connection of their own.
[[nodiscard]] constexpr bool is_head(MessageKind kind) noexcept {
  return kind == MessageKind::kHead || kind == MessageKind::kMessageHead;
}

// Messages from one peer: those that tasks have asked for, and those that came before anybody did.
//
// A frame that nobody wants stays in its connection, so a peer that is ahead is held back by TCP itself; unless this
// rank waits for something else that may come behind it: then it is kept here. Heads and data have connections of their
// own, so one never waits behind the other.
class Inbox final : public FrameSink {
 public:
  explicit Inbox(int peer) : peer_(peer) {}

  void receive(std::span<std::byte> target, const Envelope& from, Batch& batch);
  // A whole message from this rank itself; copied.
  void take(std::span<const std::byte> bytes, const Envelope& from);
  void cancel(const Batch& batch) noexcept;
  // True while a task waits for heads, or for data, of this peer.
  [[nodiscard]] bool wants_heads() const noexcept { return wanted_heads_ > 0; }
  [[nodiscard]] bool wants_data() const noexcept { return wanted_data_ > 0; }

  [[nodiscard]] std::byte* place(const FrameHeader& header) override;
  void arrived(const FrameHeader& header) override;

 private:
  struct Message {
    MessageKind kind{};
    std::int32_t tag = 0;
    std::uint64_t sequence = 0;
    std::span<std::byte> target{};  // the task's
    Batch* batch = nullptr;         // null while nobody wants it
    std::unique_ptr<std::byte[]> kept{};
    std::size_t total = 0;  // 0 until its first frame
    std::size_t arrived = 0;
  };
  std::vector<Message>::iterator keep(MessageKind kind, std::int32_t tag, std::uint64_t sequence, std::size_t total);
  [[nodiscard]] std::vector<Message>::iterator find(MessageKind kind, std::int32_t tag, std::uint64_t sequence);
  [[nodiscard]] int& wanted(MessageKind kind) { return is_head(kind) ? wanted_heads_ : wanted_data_; }
  void check_total(Message& message, std::size_t total) const;
  void finish(std::vector<Message>::iterator message);

  const int peer_;
  std::vector<Message> messages_;  // few: chunks under way
  int wanted_heads_ = 0;
  int wanted_data_ = 0;
};

}  // namespace trireme::collectives
