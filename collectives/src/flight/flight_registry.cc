#include "flight_registry.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <mutex>

#include "flight_identity.h"

namespace trireme::collectives {
namespace {

// Communicators that failed and are gone: the reason is still asked for after the program has cleaned up.
constexpr std::size_t kFailedKept = 4;

// A handler reaches nothing but globals. Plain pointers and atomics: nothing here is destroyed at exit.
constinit std::atomic<int> readers{0};
constinit std::atomic<FlightRecorder*> newest{nullptr};
constinit std::atomic<const FlightIdentity*> current_identity{nullptr};
constinit std::atomic<bool> identity_is_given{false};
constinit std::mutex registry_mutex;  // guards changes of the list, of the identity, and `retired`
constinit std::array<FlightRecorder*, kFailedKept> retired{};  // oldest first, listed too

void wait_for_readers() noexcept {
  while (readers.load(std::memory_order_seq_cst) != 0) ::sched_yield();
}

void replace_identity(std::unique_ptr<const FlightIdentity> identity) noexcept {
  const std::unique_ptr<const FlightIdentity> previous(
      current_identity.exchange(identity.release(), std::memory_order_seq_cst));
  wait_for_readers();
}

// The environment may have changed since, and a child of fork() has another rank.
void refresh_identity(int rank) {
  const auto* known = current_identity.load(std::memory_order_acquire);
  const bool is_ours = known != nullptr && known->pid == ::getpid();
  if (is_ours && identity_is_given.load(std::memory_order_relaxed)) return;
  replace_identity(identity_from_environment(is_ours ? known->rank : rank));
}

}  // namespace

std::shared_ptr<FlightRecorder> FlightRegistry::make_recorder(const FlightGroup& group) {
  auto recorder = std::make_unique<FlightRecorder>(group);
  const std::lock_guard lock(registry_mutex);
  refresh_identity(group.rank);
  recorder->next_.store(newest.load(std::memory_order_relaxed), std::memory_order_relaxed);
  newest.store(recorder.get(), std::memory_order_seq_cst);
  return {recorder.release(), retire};
}

void FlightRegistry::set_identity(std::unique_ptr<const FlightIdentity> identity) {
  const std::lock_guard lock(registry_mutex);
  identity_is_given.store(true, std::memory_order_relaxed);
  replace_identity(std::move(identity));
}

void FlightRegistry::retire(FlightRecorder* recorder) noexcept {
  recorder->close();
  const std::lock_guard lock(registry_mutex);
  if (recorder->has_failed()) {
    std::swap(recorder, retired.front());
    std::ranges::rotate(retired, retired.begin() + 1);
  }
  if (recorder == nullptr) return;
  const std::unique_ptr<FlightRecorder> unlinked(recorder);
  auto* link = &newest;
  while (link->load(std::memory_order_relaxed) != recorder) link = &link->load(std::memory_order_relaxed)->next_;
  link->store(recorder->next_.load(std::memory_order_relaxed), std::memory_order_seq_cst);
  wait_for_readers();
}

FlightRegistry::Reader::Reader() noexcept { readers.fetch_add(1, std::memory_order_seq_cst); }
FlightRegistry::Reader::~Reader() { readers.fetch_sub(1, std::memory_order_seq_cst); }

const FlightIdentity* FlightRegistry::Reader::identity() const noexcept {
  return current_identity.load(std::memory_order_seq_cst);
}
const FlightRecorder* FlightRegistry::Reader::first() const noexcept { return newest.load(std::memory_order_seq_cst); }
const FlightRecorder* FlightRegistry::Reader::next(const FlightRecorder& recorder) noexcept {
  return recorder.next_.load(std::memory_order_seq_cst);
}

}  // namespace trireme::collectives
