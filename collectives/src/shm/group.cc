#include "group.h"

#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <climits>
#include <cstring>
#include <ctime>
#include <vector>

#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme::collectives {
namespace {

// A bound on how late a sleeper sees what no bell announces: a lost rank, its own deadline.
constexpr timespec kLongestSleep = {0, 20'000'000};
// A running rank writes a piece in far less.
constexpr auto kPatienceWithWriters = std::chrono::milliseconds(200);

// The bell is shared by processes, so these are no private futexes.
void futex_wait(std::atomic<std::uint32_t>& word, std::uint32_t expected) noexcept {
  ::syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&word), FUTEX_WAIT, expected, &kLongestSleep, nullptr, 0);
}
void futex_wake_all(std::atomic<std::uint32_t>& word) noexcept {
  ::syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&word), FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
}

// Counts a sleeper, also when the last look before sleeping throws.
class Sleeper {
 public:
  explicit Sleeper(std::atomic<std::uint32_t>& count) : count_(count) {
    count_.fetch_add(1, std::memory_order_seq_cst);
  }
  ~Sleeper() { count_.fetch_sub(1, std::memory_order_seq_cst); }
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;

 private:
  std::atomic<std::uint32_t>& count_;
};

}  // namespace

// Note [four quarters]
// A rank fills a quarter with chunk g only after it has seen everybody publish (or enter) after reading chunk g-4, the
// previous content. A rank that publishes chunk k has read k-2: reductions in slices publish k before they take the
// results of k-1, the others publish k before they read k-1. A rank that has seen everybody publish k shows k+1, which
// lies where k-3 did, at the latest. So no step is needed to say "I have read it".

Group::Group(Segment segment, int rank, int size)
    : segment_(std::move(segment)),
      rank_(rank),
      size_(size),
      shares_cores_(segment_.control().shares_cores != 0),
      claim_base_(static_cast<std::size_t>(size)),
      claim_end_(static_cast<std::size_t>(size)) {}

Group::~Group() {
  segment_.slot(rank_).has_left.store(1, std::memory_order_seq_cst);
  notify();
}

std::byte* Group::own_payload(std::uint64_t sequence) noexcept {
  return segment_.slot(rank_).entries[sequence % 2].payload;
}

// Only the last to enter wakes the others, who could do nothing before. Sequentially consistent: the last in the order
// of all stores sees all others'; and together with `sleepers`, either this rank sees the sleeper, or the sleeper's
// last look sees this entry.
void Group::enter(const Signature& signature) noexcept {
  auto& slot = segment_.slot(rank_);
  slot.current.store(signature);
  auto& entry = slot.entries[signature.sequence % 2];
  entry.count = signature.count;
  entry.parent = signature.parent;
  entry.parent_count = signature.parent_count;
  entry.root = signature.root;
  entry.kind = signature.kind;
  entry.dtype = signature.dtype;
  entry.op = signature.op;
  entry.sequence.store(signature.sequence, std::memory_order_seq_cst);
  entered_ = signature.sequence;
  arrived_ = 0;
  if (all_entered(signature.sequence)) notify();
}

bool Group::all_entered(std::uint64_t sequence) noexcept {
  for (; arrived_ < size_; ++arrived_) {
    const auto& entry = segment_.slot(arrived_).entries[sequence % 2];
    if (entry.sequence.load(std::memory_order_seq_cst) != sequence) return false;
  }
  return true;
}

const std::byte* Group::payload(int rank, std::uint64_t sequence) const noexcept {
  return segment_.slot(rank).entries[sequence % 2].payload;
}

void Group::compare(const Signature& signature) const {
  const auto called = [&](int rank) {
    const auto& entry = segment_.slot(rank).entries[signature.sequence % 2];
    return Signature{signature.sequence, entry.count, entry.parent,
                     entry.parent_count, entry.root,  entry.kind,
                     entry.dtype,        entry.op,    0};
  };
  bool differs = false;
  for (int rank = 0; rank < size_; ++rank) differs |= called(rank) != signature;
  if (!differs) return;
  std::vector<Signature> all;
  for (int rank = 0; rank < size_; ++rank) all.push_back(called(rank));
  throw MismatchError(find_mismatch(all).value());
}

void Group::finish(const Signature& signature) noexcept {
  segment_.slot(rank_).finished.store(signature.sequence, std::memory_order_relaxed);
}

void Group::publish() noexcept {
  segment_.slot(rank_).step.store(++step_, std::memory_order_seq_cst);
  arrived_ = 0;
  if (all_arrived()) notify();
}

bool Group::all_arrived() noexcept {
  for (; arrived_ < size_; ++arrived_) {
    if (segment_.slot(arrived_).step.load(std::memory_order_seq_cst) < step_) return false;
  }
  return true;
}

void Group::publish_answer(std::uint64_t answer) noexcept {
  segment_.slot(rank_).answer.store(answer, std::memory_order_relaxed);
  publish();
}

std::uint64_t Group::answer(int rank) const noexcept {
  return segment_.slot(rank).answer.load(std::memory_order_relaxed);
}

void Group::begin_claims(std::span<const std::uint32_t> pieces_by_slice) {
  for (std::size_t slice = 0; slice < pieces_by_slice.size(); ++slice) {
    claim_base_[slice] = claim_end_[slice];
    claim_end_[slice] += pieces_by_slice[slice];
    completed_end_ += pieces_by_slice[slice];
  }
}

// Counters only grow, and by exactly the number of pieces, so that they need no reset between operations.
int Group::claim(int slice) noexcept {
  auto& claimed = segment_.slot(slice).claimed;
  auto next = claimed.load(std::memory_order_relaxed);
  while (next < claim_end_[slice]) {
    if (claimed.compare_exchange_weak(next, next + 1, std::memory_order_relaxed)) {
      return static_cast<int>(next - claim_base_[slice]);
    }
  }
  return -1;
}

void Group::complete_piece() noexcept {
  const auto before = segment_.control().completed.fetch_add(1, std::memory_order_seq_cst);
  if (before + 1 == completed_end_) notify();
}

bool Group::all_complete() const noexcept {
  return segment_.control().completed.load(std::memory_order_seq_cst) >= completed_end_;
}

// Sequentially consistent together with the failure's state: either this rank sees the failure, or whoever told it sees
// this rank writing.
void Group::begin_write() {
  auto& writing = segment_.slot(rank_).is_writing;
  writing.store(1, std::memory_order_seq_cst);
  if (segment_.control().failure.state.load(std::memory_order_seq_cst) == SharedFailure::kNone) return;
  writing.store(0, std::memory_order_release);
  check_failure();
  throw CommError("the group has failed, and a peer is about to say why");
}

void Group::end_write() noexcept { segment_.slot(rank_).is_writing.store(0, std::memory_order_release); }

std::vector<int> Group::await_writers() const noexcept {
  const auto is_writing = [&](int rank) {
    return rank != rank_ && segment_.slot(rank).is_writing.load(std::memory_order_seq_cst) != 0;
  };
  const auto deadline = std::chrono::steady_clock::now() + kPatienceWithWriters;
  std::vector<int> writing;
  for (int rank = 0; rank < size_; ++rank) {
    while (is_writing(rank) && std::chrono::steady_clock::now() < deadline) ::sched_yield();
    if (is_writing(rank)) writing.push_back(rank);
  }
  return writing;
}

void Group::notify() noexcept {
  auto& control = segment_.control();
  if (control.sleepers.load(std::memory_order_seq_cst) == 0) return;
  control.bell.fetch_add(1, std::memory_order_seq_cst);
  futex_wake_all(control.bell);
}

void Group::sleep(const std::function<bool()>& moved) {
  auto& control = segment_.control();
  const Sleeper sleeper(control.sleepers);
  const auto heard = control.bell.load(std::memory_order_seq_cst);
  if (!moved()) futex_wait(control.bell, heard);
}

void Group::tell(const Failure& failure) noexcept {
  auto& shared = segment_.control().failure;
  std::uint32_t none = SharedFailure::kNone;
  if (!shared.state.compare_exchange_strong(none, SharedFailure::kClaimed, std::memory_order_seq_cst)) return;
  shared.kind = failure.kind;
  shared.lost_rank = failure.lost_rank;
  const auto length = std::min(failure.text.size(), sizeof shared.text - 1);
  std::memcpy(shared.text, failure.text.data(), length);
  shared.text[length] = '\0';
  shared.state.store(SharedFailure::kTold, std::memory_order_seq_cst);
  notify();
}

void Group::check_failure() const {
  const auto& shared = segment_.control().failure;
  if (shared.state.load(std::memory_order_seq_cst) != SharedFailure::kTold) return;
  throw_failure({shared.kind, shared.lost_rank, shared.text});
}

bool Group::has_left(int rank) const noexcept {
  return segment_.slot(rank).has_left.load(std::memory_order_seq_cst) != 0;
}

bool Group::is_awaited(int rank) const noexcept {
  const auto& slot = segment_.slot(rank);
  return slot.entries[entered_ % 2].sequence.load(std::memory_order_seq_cst) < entered_ ||
         slot.step.load(std::memory_order_seq_cst) < step_ ||
         (slot.is_writing.load(std::memory_order_seq_cst) != 0 && !all_complete());
}

std::vector<int> Group::missing() const {
  std::vector<int> ranks;
  for (int rank = 0; rank < size_; ++rank) {
    if (rank != rank_ && is_awaited(rank)) ranks.push_back(rank);
  }
  return ranks;
}

// Looks whether a rank has left before whether it has arrived: it may have done one and then the other.
void Group::check_left() const {
  for (int rank = 0; rank < size_; ++rank) {
    if (has_left(rank) && is_awaited(rank)) fail_left(rank);
  }
}

// A rank that failed tells why before it leaves, so that reason comes first.
void Group::fail_left(int rank) const {
  check_failure();
  throw CommError(message("rank {}/{} has destroyed its communicator, and rank {} still waits for it: it {}", rank,
                          size_, rank_, standing(rank)));
}

std::string Group::standing(int rank) const {
  const auto& slot = segment_.slot(rank);
  const auto current = slot.current.load();
  if (current.sequence == 0) return "has called nothing yet";
  const bool finished = slot.finished.load(std::memory_order_relaxed) >= current.sequence;
  return message("{} {} ({} bytes)", finished ? "has finished" : "is in", describe(current), current.bytes());
}

}  // namespace trireme::collectives
