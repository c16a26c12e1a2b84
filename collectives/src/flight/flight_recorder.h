#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "../failure.h"
#include "../operation.h"
#include "flight_clock.h"

namespace trireme::collectives {

// The communicator that a record is of.
struct FlightGroup {
  std::string name;  // the same on all its ranks
  std::string backend;
  int rank = 0;
  int size = 1;
  std::vector<int> members = {};  // of a subgroup: ranks in the communicator that was first split; else empty
};

// What is known when a communicator dies.
struct FlightFailure {
  Failure failure;
  std::vector<int> missing = {};            // ranks of the communicator
  std::vector<std::string> standings = {};  // by rank, as far as this rank knows
};

// The last operations of one communicator.
//
// Threads: operations are recorded by the communicator's thread. Any thread, and a handler of a signal that came in the
// middle of any line, may read: an entry is announced only once it is whole, and a reader drops one that changed while
// it was read. See Note [flight record and signals] in flight_registry.h.
// Cost: two cache lines and three looks at the clock an operation; bench/flight_record measures it.
class FlightRecorder {
 public:
  static constexpr std::size_t kOperations = 1000;

  explicit FlightRecorder(const FlightGroup& group);
  FlightRecorder(const FlightRecorder&) = delete;
  FlightRecorder& operator=(const FlightRecorder&) = delete;

  // Returns the operation's number, counted from 1 over all kinds.
  std::uint64_t post(const Operation& operation) noexcept {
    const auto number = posted_.load(std::memory_order_relaxed) + 1;
    auto& entry = entry_of(number);
    const auto& signature = operation.signature;
    entry.number.store(0, std::memory_order_release);
    entry.sequence.store(signature.sequence, std::memory_order_release);
    entry.count.store(signature.count, std::memory_order_release);
    entry.call.store(packed(signature), std::memory_order_release);
    entry.tag.store(operation.tag, std::memory_order_release);
    entry.posted.store(clock_.ticks(), std::memory_order_release);
    entry.started.store(0, std::memory_order_release);
    entry.finished.store(0, std::memory_order_release);
    entry.number.store(number, std::memory_order_release);
    posted_.store(number, std::memory_order_release);
    return number;
  }
  void start(std::uint64_t number) noexcept { stamp(number, &Entry::started); }
  void finish(std::uint64_t number) noexcept { stamp(number, &Entry::finished); }
  // Why the communicator died: the first reason stays, but what the communicator's own thread saw replaces an abort.
  void fail(const FlightFailure& failure);
  // Any thread.
  void abort(const Failure& failure);
  // The communicator is gone.
  void close() noexcept { is_closed_.store(true, std::memory_order_release); }

  // What follows is for who writes a record. Async-signal-safe.
  struct Call {
    std::uint64_t number = 0;
    Signature signature = {};
    std::int64_t tag = 0;
    std::int64_t posted = 0;  // ticks; 0: not yet
    std::int64_t started = 0;
    std::int64_t finished = 0;
  };
  // False when the entry has gone to a later operation.
  [[nodiscard]] bool read(std::uint64_t number, Call& call) const noexcept;
  [[nodiscard]] std::uint64_t posted() const noexcept { return posted_.load(std::memory_order_acquire); }
  [[nodiscard]] const FlightClock& clock() const noexcept { return clock_; }
  // Members of a JSON object: name, backend, rank, size, members.
  [[nodiscard]] std::string_view group_json() const noexcept { return group_json_; }
  // A JSON object, or null.
  [[nodiscard]] std::string_view failure_json() const noexcept;
  [[nodiscard]] bool has_failed() const noexcept { return failure_.is_told() || abort_.is_told(); }
  [[nodiscard]] bool is_closed() const noexcept { return is_closed_.load(std::memory_order_acquire); }
  [[nodiscard]] int rank() const noexcept { return rank_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 private:
  friend class FlightRegistry;

  struct alignas(64) Entry {
    std::atomic<std::uint64_t> number;
    std::atomic<std::uint64_t> sequence;
    std::atomic<std::int64_t> count;
    std::atomic<std::uint64_t> call;
    std::atomic<std::int64_t> tag;
    std::atomic<std::int64_t> posted;
    std::atomic<std::int64_t> started;
    std::atomic<std::int64_t> finished;
  };
  static_assert(std::atomic<std::uint64_t>::is_always_lock_free && std::atomic<void*>::is_always_lock_free);
  // Told once; the text is read only after that.
  class Reason {
   public:
    void tell(const FlightFailure& failure);
    [[nodiscard]] bool is_told() const noexcept { return state_.load(std::memory_order_acquire) == kTold; }
    [[nodiscard]] std::string_view json() const noexcept { return json_; }

   private:
    enum State : int { kNone, kClaimed, kTold };
    std::atomic<int> state_{kNone};
    std::string json_;
  };

  [[nodiscard]] static std::uint64_t packed(const Signature& signature) noexcept {
    return static_cast<std::uint64_t>(static_cast<std::uint32_t>(signature.root)) << 32 |
           static_cast<std::uint64_t>(signature.kind) << 16 | static_cast<std::uint64_t>(signature.dtype) << 8 |
           static_cast<std::uint64_t>(signature.op);
  }
  [[nodiscard]] Entry& entry_of(std::uint64_t number) noexcept { return entries_[number % kOperations]; }
  [[nodiscard]] const Entry& entry_of(std::uint64_t number) const noexcept { return entries_[number % kOperations]; }
  void stamp(std::uint64_t number, std::atomic<std::int64_t> Entry::*time) noexcept {
    auto& entry = entry_of(number);
    if (entry.number.load(std::memory_order_relaxed) != number) return;
    (entry.*time).store(clock_.ticks(), std::memory_order_release);
  }

  const FlightClock clock_;
  const int rank_;
  const std::string name_;
  const std::string group_json_;
  std::atomic<std::uint64_t> posted_{0};
  std::atomic<bool> is_closed_{false};
  Reason failure_;
  Reason abort_;
  std::array<Entry, kOperations> entries_{};
  std::atomic<FlightRecorder*> next_{nullptr};  // in the registry
};

}  // namespace trireme::collectives
