#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>

namespace trireme::launcher {

// Messages on their way to one peer: anybody puts, one thread takes. Thread-safe.
template <typename Message>
class Outbox {
 public:
  explicit Outbox(std::size_t capacity = SIZE_MAX) : capacity_(capacity) {}

  // Blocks while full, so that a flood slows its source instead of filling memory. Drops the message once closed.
  void put(Message message) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return is_closed_ || messages_.size() < capacity_; });
    if (is_closed_) return;
    messages_.push_back(std::move(message));
    changed_.notify_all();
  }
  // nullopt once closed and empty, or when `timeout` passes.
  std::optional<Message> take(std::chrono::milliseconds timeout) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, timeout, [&] { return is_closed_ || !messages_.empty(); });
    if (messages_.empty()) return std::nullopt;
    Message message = std::move(messages_.front());
    messages_.pop_front();
    changed_.notify_all();
    return message;
  }
  void close() {
    const std::lock_guard lock(mutex_);
    is_closed_ = true;
    changed_.notify_all();
  }
  [[nodiscard]] bool is_done() const {
    const std::lock_guard lock(mutex_);
    return is_closed_ && messages_.empty();
  }

 private:
  const std::size_t capacity_;
  mutable std::mutex mutex_;  // guards messages_ and is_closed_
  std::condition_variable changed_;
  std::deque<Message> messages_;
  bool is_closed_ = false;
};

}  // namespace trireme::launcher
