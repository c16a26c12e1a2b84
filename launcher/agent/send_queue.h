#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>

namespace trireme::launcher {

// Messages on their way to a peer that may be gone for a while: each is kept until the peer says that it took it, and
// what it had not taken is sent again on the next connection. Anybody puts, one thread takes. Thread-safe.
template <typename Message>
class SendQueue {
 public:
  explicit SendQueue(std::size_t capacity) : capacity_(capacity) {}

  // Blocks while full, so that a flood slows its source instead of filling memory. Drops the message once closed.
  void put(Message message) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return is_closed_ || messages_.size() < capacity_; });
    if (is_closed_) return;
    messages_.push_back(std::move(message));
    changed_.notify_all();
  }
  // Never blocks: drops the message when more than half of the room is taken.
  void offer(Message message) {
    const std::lock_guard lock(mutex_);
    if (is_closed_ || messages_.size() > capacity_ / 2) return;
    messages_.push_back(std::move(message));
    changed_.notify_all();
  }
  // The next one that was not sent on this connection; it stays kept. nullopt once closed, or when `timeout` passes.
  std::optional<Message> take(std::chrono::milliseconds timeout) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, timeout, [&] { return is_closed_ || sent_ < messages_.size(); });
    if (is_closed_ || sent_ == messages_.size()) return std::nullopt;
    return messages_[sent_++];
  }
  // The peer has taken so many of this connection's messages in all.
  void acknowledge(std::uint64_t messages) {
    const std::lock_guard lock(mutex_);
    for (; taken_ < messages && sent_ > 0; ++taken_, --sent_) messages_.pop_front();
    changed_.notify_all();
  }
  // A new connection begins: everything that is kept is sent on it.
  void start_over() {
    const std::lock_guard lock(mutex_);
    sent_ = 0;
    taken_ = 0;
    changed_.notify_all();
  }
  void close() {
    const std::lock_guard lock(mutex_);
    is_closed_ = true;
    changed_.notify_all();
  }

 private:
  const std::size_t capacity_;
  std::mutex mutex_;  // guards everything below
  std::condition_variable changed_;
  std::deque<Message> messages_;  // the first sent_ of them were sent and not acknowledged
  std::size_t sent_ = 0;
  std::uint64_t taken_ = 0;  // by the peer, of this connection
  bool is_closed_ = false;
};

}  // namespace trireme::launcher
