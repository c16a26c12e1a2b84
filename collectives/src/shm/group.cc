#include "group.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
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

// Note [two halves]
// A rank fills half h with chunk g only after it has left chunk g-1, in which it saw everybody publish; and everybody
// published there after reading chunk g-2, the previous content of h. So one chunk may be filled while a slower rank
// still reads the one before, and no step is needed to say "I have read it".

Group::Group(Segment segment, int rank, int size) : segment_(std::move(segment)), rank_(rank), size_(size) {}

Group::~Group() {
  segment_.slot(rank_).has_left.store(1, std::memory_order_seq_cst);
  notify();
}

void Group::enter(const Signature& signature) noexcept {
  auto& slot = segment_.slot(rank_);
  slot.called[signature.sequence % 2] = signature;
  slot.current.store(signature);
}

void Group::finish(const Signature& signature) noexcept {
  segment_.slot(rank_).finished.store(signature.sequence, std::memory_order_relaxed);
}

// Sequentially consistent together with `sleepers`: either this rank sees the sleeper, or the sleeper's last look sees
// this step.
void Group::publish() noexcept {
  segment_.slot(rank_).tick.store(++tick_, std::memory_order_seq_cst);
  notify();
}

bool Group::has_arrived(int rank) const noexcept {
  return segment_.slot(rank).tick.load(std::memory_order_seq_cst) >= tick_;
}

bool Group::all_arrived() const noexcept {
  for (int rank = 0; rank < size_; ++rank) {
    if (!has_arrived(rank)) return false;
  }
  return true;
}

std::vector<int> Group::missing() const {
  std::vector<int> ranks;
  for (int rank = 0; rank < size_; ++rank) {
    if (!has_arrived(rank)) ranks.push_back(rank);
  }
  return ranks;
}

void Group::compare(const Signature& signature) const {
  const auto parity = signature.sequence % 2;
  const auto differs = [&](int rank) { return segment_.slot(rank).called[parity] != signature; };
  bool any = false;
  for (int rank = 0; rank < size_; ++rank) any |= differs(rank);
  if (!any) return;
  std::vector<Signature> all;
  for (int rank = 0; rank < size_; ++rank) all.push_back(segment_.slot(rank).called[parity]);
  throw MismatchError(find_mismatch(all).value());
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
  if (!shared.state.compare_exchange_strong(none, SharedFailure::kClaimed, std::memory_order_acq_rel)) return;
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

// Looks whether a rank has left before whether it has arrived: it may have done one and then the other.
void Group::check_left() const {
  for (int rank = 0; rank < size_; ++rank) {
    if (has_left(rank) && !has_arrived(rank)) fail_left(rank);
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
