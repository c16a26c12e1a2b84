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
//
// A message has a cost, its bytes for example. What was put and what was offered have room for `capacity` each, so that
// a flood of the one leaves the other its room. A message of no cost always has room.
template <typename Message>
class SendQueue {
 public:
  explicit SendQueue(std::size_t capacity) : capacity_(capacity) {}

  // Blocks while full, so that a flood slows its source instead of filling memory. Drops the message once closed.
  void put(Message message, std::size_t cost = 1) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return is_closed_ || cost == 0 || put_ < capacity_; });
    if (!is_closed_) keep({std::move(message), cost, &put_});
  }
  // Never blocks: drops the message while full.
  void offer(Message message, std::size_t cost = 1) {
    const std::lock_guard lock(mutex_);
    if (!is_closed_ && offered_ < capacity_) keep({std::move(message), cost, &offered_});
  }
  // The next one that was not sent on this connection; it stays kept. nullopt once closed, or when `timeout` passes.
  std::optional<Message> take(std::chrono::milliseconds timeout) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, timeout, [&] { return is_closed_ || sent_ < messages_.size(); });
    if (is_closed_ || sent_ == messages_.size()) return std::nullopt;
    return messages_[sent_++].message;
  }
  // The peer has taken so many of this connection's messages in all.
  void acknowledge(std::uint64_t messages) {
    const std::lock_guard lock(mutex_);
    for (; taken_ < messages && sent_ > 0; ++taken_, --sent_) {
      *messages_.front().account -= messages_.front().cost;
      messages_.pop_front();
    }
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
  struct Kept {
    Message message;
    std::size_t cost;
    std::size_t* account;  // put_ or offered_
  };

  // Under the lock.
  void keep(Kept kept) {
    *kept.account += kept.cost;
    messages_.push_back(std::move(kept));
    changed_.notify_all();
  }

  const std::size_t capacity_;
  std::mutex mutex_;  // guards everything below
  std::condition_variable changed_;
  std::deque<Kept> messages_;  // the first sent_ of them were sent and not acknowledged
  std::size_t put_ = 0;        // what is kept of those costs
  std::size_t offered_ = 0;
  std::size_t sent_ = 0;
  std::uint64_t taken_ = 0;  // by the peer, of this connection
  bool is_closed_ = false;
};

}  // namespace trireme::launcher
