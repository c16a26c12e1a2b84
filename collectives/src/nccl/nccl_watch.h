#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "../failure.h"
#include "group_board.h"
#include "launch.h"

namespace trireme::collectives {

// What is under way on one communicator, and what is wrong with it.
//
// Finds what NCCL does not tell or tells nobody: an error of NCCL, a lost rank, an operation past its timeout, ranks
// that called different things, a failure or alarm of another rank. The first of these stops the communicator, which
// ends the kernels that wait, and is told to the other ranks; every later check() throws it.
// Threads: any. The thread that communicates calls check() in its waits; a Watchdog, where there is one, calls look().
class NcclWatch {
 public:
  using Clock = std::chrono::steady_clock;
  // Waiting for a rank to agree: how long until the others are asked what they called, and how long an answer is
  // waited for before the question is given up.
  static constexpr auto kSuspicion = std::chrono::milliseconds(100);
  static constexpr auto kAnswer = std::chrono::milliseconds(1500);
  // NCCL's error of a dead peer comes before the store's word of who died: how long that is waited for.
  static constexpr auto kWord = std::chrono::milliseconds(1000);
  static constexpr auto kBoardPeriod = std::chrono::milliseconds(50);

  // Compares a running hash of all collectives every `hash_every` of them; 0: never.
  NcclWatch(NcclApiPtr api, std::shared_ptr<NcclComm> comm, std::unique_ptr<GroupBoard> board,
            std::uint64_t hash_every);
  ~NcclWatch();
  NcclWatch(const NcclWatch&) = delete;
  NcclWatch& operator=(const NcclWatch&) = delete;

  [[nodiscard]] GroupBoard& board() noexcept { return *board_; }

  // A call that this rank posted, in the order posted.
  void note(const Call& call);
  // An operation that NCCL has taken.
  void add(const std::shared_ptr<Launch>& launch);
  // True once it ended; throws the failure if the communicator was stopped before it did.
  [[nodiscard]] bool has_ended(Launch& launch);

  // Looks for a failure and throws it. Cheap: meant for every fruitless look of a wait.
  void check();
  // Throws the failure that is known.
  void throw_if_failed() const;
  // One look at everything. Never throws: what it finds, check() throws.
  void look() noexcept;
  // Asks everybody what they called and waits for the answers, at most kAnswer. Throws MismatchError with both sides
  // if ranks disagree, else what check() throws, if anything. Afterwards standing() and behind() know more.
  void examine();
  // For a wait that lasts since `since`: examines once it has become suspicious, and now and then from then on, without
  // waiting for answers.
  void suspect(Clock::time_point since);

  // NCCL failed: waits at most kWord for the store to say who is lost or what failed elsewhere, and throws that.
  void await_cause();

  void fail(const Failure& failure) noexcept;
  [[nodiscard]] bool has_failed() const noexcept { return has_failed_.load(std::memory_order_acquire); }

  // "has posted all_reduce #12 …", as far as the rank told.
  [[nodiscard]] std::string standing(int rank) const;
  // The ranks that are known to have posted fewer collectives, or told nothing when asked.
  [[nodiscard]] std::vector<int> behind(std::uint64_t sequence) const;
  // No answers are waited for any more; for the end of a communicator.
  void close() noexcept { is_closing_.store(true, std::memory_order_relaxed); }

 private:
  struct Checkpoint {
    std::string key;
    std::string last_key;  // whose ranks have all come by when this one's have
    Clock::time_point since;
    bool has_arrived = false;
  };

  void check_comm();
  void find_failure();
  void check_lost();
  [[nodiscard]] bool may_say_more(const LostRank& lost);
  void check_board();
  void check_launches();
  void check_hashes();
  void answer(std::uint64_t alarm);
  [[nodiscard]] std::optional<std::string> find_disagreement();
  [[nodiscard]] bool all_answered(std::uint64_t alarm) const;
  // Runs a look that may throw; what it throws fails the communicator.
  void guarded(const std::function<void()>& part) noexcept;
  void stop_with(const Failure& failure, bool must_tell) noexcept;

  const NcclApiPtr api_;
  const std::shared_ptr<NcclComm> comm_;
  const std::unique_ptr<GroupBoard> board_;
  const std::uint64_t hash_every_;
  std::atomic<bool> has_failed_{false};
  std::atomic<bool> is_closing_{false};

  mutable std::mutex state_mutex_;  // guards what follows
  CallLog log_;
  std::deque<std::shared_ptr<Launch>> launches_;  // in the order of the stream
  std::deque<Checkpoint> checkpoints_;
  std::string last_checkpoint_;
  std::optional<Failure> failure_;
  std::optional<Clock::time_point> lost_since_;
  std::vector<std::optional<Standing>> standings_;  // of the last examination

  std::atomic<std::uint64_t> seen_generation_{0};
  std::recursive_mutex look_mutex_;  // one looks at a time; guards what follows. Taken before state_mutex_.
  std::uint64_t answered_alarm_ = 0;
  Clock::time_point next_board_look_{};
  Clock::time_point next_comparison_{};
  Clock::time_point suspicious_since_{};
};

}  // namespace trireme::collectives
