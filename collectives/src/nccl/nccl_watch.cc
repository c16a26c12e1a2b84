#include "nccl_watch.h"

#include <algorithm>

#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme::collectives {
namespace {

constexpr std::string_view kNoCauseYet = "connection closed";
constexpr auto kCause = std::chrono::milliseconds(300);

// Comparing is a read per rank on every rank: in large groups it must not drown the store.
std::chrono::microseconds comparison_period(int size) {
  return std::max<std::chrono::microseconds>(std::chrono::milliseconds(100),
                                             std::chrono::microseconds(20) * size * size);
}

std::chrono::milliseconds milliseconds_since(NcclWatch::Clock::time_point from, NcclWatch::Clock::time_point to) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(to - from);
}

}  // namespace

NcclWatch::NcclWatch(NcclApiPtr api, std::shared_ptr<NcclComm> comm, std::unique_ptr<GroupBoard> board,
                     std::uint64_t hash_every)
    : api_(std::move(api)),
      comm_(std::move(comm)),
      board_(std::move(board)),
      hash_every_(hash_every),
      standings_(static_cast<std::size_t>(board_->size())) {}

NcclWatch::~NcclWatch() { board_->leave(); }

void NcclWatch::note(const Call& call) {
  const std::lock_guard lock(state_mutex_);
  log_.add(call);
  if (call.is_message() || hash_every_ == 0 || call.signature.sequence % hash_every_ != 0) return;
  auto key = message("hash/{}/{}", call.signature.sequence, log_.hash());
  checkpoints_.push_back({.key = key, .last_key = last_checkpoint_, .since = api_->now()});
  last_checkpoint_ = std::move(key);
}

void NcclWatch::add(const std::shared_ptr<Launch>& launch) {
  const std::lock_guard lock(state_mutex_);
  launches_.push_back(launch);
}

bool NcclWatch::has_ended(Launch& launch) {
  {
    const std::lock_guard lock(state_mutex_);
    if (launch.has_ended) return true;
    if (!launch.end.has_passed()) return false;
    if (!failure_) {
      launch.has_ended = true;
      while (!launches_.empty() && launches_.front()->has_ended) launches_.pop_front();
      return true;
    }
  }
  throw_if_failed();  // stopping a communicator lets its streams run on
  return false;
}

void NcclWatch::throw_if_failed() const {
  if (!has_failed()) return;
  const std::lock_guard lock(state_mutex_);
  throw_failure(*failure_);
}

void NcclWatch::check() {
  throw_if_failed();
  guarded([this] {
    check_comm();
    check_lost();
    const std::unique_lock lock(look_mutex_, std::try_to_lock);
    if (lock.owns_lock() && api_->now() >= next_board_look_) find_failure();
  });
  throw_if_failed();
}

void NcclWatch::check_comm() {
  try {
    (void)comm_->settle();
  } catch (const CommError&) {
    await_cause();
    throw;
  }
}

void NcclWatch::await_cause() {
  const auto deadline = api_->now() + kWord;
  guarded([&] {
    while (!has_failed() && !is_closing_.load(std::memory_order_relaxed) && api_->now() < deadline) {
      check_lost();
      const std::unique_lock lock(look_mutex_, std::try_to_lock);
      if (lock.owns_lock() && api_->now() >= next_board_look_) find_failure();
      api_->pause();
    }
  });
  throw_if_failed();
}

void NcclWatch::look() noexcept {
  if (has_failed()) return;
  guarded([this] {
    check_comm();
    check_lost();
    const std::lock_guard lock(look_mutex_);
    find_failure();
    check_launches();
  });
}

void NcclWatch::find_failure() {
  next_board_look_ = api_->now() + kBoardPeriod;
  check_board();
  check_hashes();
}

// Without the store nothing is known of anybody, so its loss ends the group too.
void NcclWatch::check_lost() {
  const auto generation = board_->store().lost_generation();
  if (generation == seen_generation_) return;
  for (const auto& lost : board_->store().lost()) {
    const bool is_store = lost.rank < 0 && lost.node.empty();
    if (is_store) throw PeerLostError(-1, message("the run's store is lost: {}", lost.cause));
    if (lost.rank < 0 || !board_->rank_of(lost.rank)) continue;
    if (may_say_more(lost)) return;
    throw PeerLostError(lost.rank, message("rank {} on node {} is lost: {}; rank {}/{} {}", lost.rank,
                                           lost.node.empty() ? "(unnamed)" : lost.node, lost.cause, board_->rank(),
                                           board_->size(), standing(board_->rank())));
  }
  seen_generation_ = generation;
}

// A connection's end is known a moment before its cause, which the launcher's shim sees.
bool NcclWatch::may_say_more(const LostRank& lost) {
  const auto now = api_->now();
  const std::lock_guard lock(state_mutex_);
  if (!lost_since_) lost_since_ = now;
  return lost.cause == kNoCauseYet && now - *lost_since_ < kCause;
}

void NcclWatch::check_board() {
  if (const auto failure = board_->failure()) return stop_with(*failure, false);
  if (const auto alarm = board_->alarms(); alarm > answered_alarm_) answer(alarm);
}

void NcclWatch::answer(std::uint64_t alarm) {
  answered_alarm_ = alarm;
  std::unique_lock lock(state_mutex_);
  auto standing = log_.standing();
  lock.unlock();
  standing.alarm = alarm;
  board_->tell(standing);
}

void NcclWatch::check_launches() {
  const auto now = api_->now();
  std::shared_ptr<Launch> overdue;
  {
    const std::lock_guard lock(state_mutex_);
    if (failure_) return;  // a stopped communicator lets its streams run on
    while (!launches_.empty() && (launches_.front()->has_ended || launches_.front()->end.has_passed())) {
      launches_.front()->has_ended = true;
      launches_.pop_front();
    }
    if (launches_.empty()) return;
    auto& front = *launches_.front();
    if (!front.running_since && front.begin.has_passed()) front.running_since = now;
    if (front.running_since && now - *front.running_since >= front.timeout) overdue = launches_.front();
  }
  if (!overdue) return;
  examine();
  auto text = message("{} on rank {}/{} of nccl runs on the GPU for {} ms, its timeout is {} ms: missing",
                      describe(overdue->call.signature), board_->rank(), board_->size(),
                      milliseconds_since(*overdue->running_since, now).count(), overdue->timeout.count());
  const auto missing = overdue->call.is_message() ? std::vector<int>{overdue->call.signature.root}
                                                  : behind(overdue->call.signature.sequence);
  if (missing.empty()) text += " some rank";
  for (int rank : missing) text += message(" rank {}", rank);
  text += ". Where everyone stands:";
  for (int rank = 0; rank < board_->size(); ++rank) {
    text += message("{} rank {} {}", rank == 0 ? "" : ";", rank, standing(rank));
  }
  throw TimeoutError(text);
}

void NcclWatch::check_hashes() {
  std::unique_lock lock(state_mutex_);
  if (checkpoints_.empty()) return;
  auto checkpoint = checkpoints_.front();
  lock.unlock();
  if (!checkpoint.has_arrived) board_->arrive(checkpoint.key);
  const bool is_met = board_->have_arrived(checkpoint.key, board_->size());
  if (is_met && !checkpoint.last_key.empty()) board_->forget(checkpoint.last_key);
  lock.lock();
  checkpoints_.front().has_arrived = true;
  if (is_met) checkpoints_.pop_front();
  lock.unlock();
  if (!is_met) suspect(checkpoint.since);
}

void NcclWatch::suspect(Clock::time_point since) {
  const std::lock_guard lock(look_mutex_);
  const auto now = api_->now();
  if (now - since < kSuspicion || now < next_comparison_) return;
  next_comparison_ = now + comparison_period(board_->size());
  if (suspicious_since_ != since) answer(board_->raise_alarm());
  suspicious_since_ = since;
  if (find_disagreement()) examine();  // once more, with the side of every rank
}

std::optional<std::string> NcclWatch::find_disagreement() {
  auto standings = board_->standings();
  auto disagreement = collectives::find_disagreement(standings);
  const std::lock_guard lock(state_mutex_);
  standings_ = std::move(standings);
  return disagreement;
}

bool NcclWatch::all_answered(std::uint64_t alarm) const {
  const std::lock_guard lock(state_mutex_);
  return std::ranges::all_of(standings_, [&](const auto& standing) { return standing && standing->alarm >= alarm; });
}

void NcclWatch::examine() {
  guarded([this] {
    const std::lock_guard lock(look_mutex_);
    const auto deadline = api_->now() + kAnswer;
    const auto alarm = board_->raise_alarm();
    answer(alarm);
    for (bool is_over = false; !is_over;) {
      const auto disagreement = find_disagreement();
      check_lost();
      check_board();
      is_over =
          has_failed() || all_answered(alarm) || api_->now() >= deadline || is_closing_.load(std::memory_order_relaxed);
      if (is_over && disagreement) throw MismatchError(*disagreement);
      if (!is_over) api_->pause();
    }
  });
  throw_if_failed();
}

void NcclWatch::guarded(const std::function<void()>& part) noexcept {
  try {
    part();
  } catch (...) {
    fail(failure_of(std::current_exception()));
  }
}

void NcclWatch::fail(const Failure& failure) noexcept { stop_with(failure, true); }

void NcclWatch::stop_with(const Failure& failure, bool must_tell) noexcept {
  {
    const std::lock_guard lock(state_mutex_);
    if (failure_) return;
    try {
      // What ended before counts: afterwards nobody can tell an end from a stop.
      while (!launches_.empty() && launches_.front()->end.has_passed()) {
        launches_.front()->has_ended = true;
        launches_.pop_front();
      }
    } catch (const Error&) {
      // The device is gone: nothing ended that is not known to have.
    }
    failure_ = failure;
  }
  has_failed_.store(true, std::memory_order_release);
  comm_->stop();
  if (!must_tell) return;
  try {
    board_->tell(failure);
  } catch (const Error&) {
    // The store is gone: nobody can be told.
  }
}

std::string NcclWatch::standing(int rank) const {
  const std::lock_guard lock(state_mutex_);
  if (rank == board_->rank()) return describe(log_.standing());
  const auto& told = standings_[static_cast<std::size_t>(rank)];
  return told ? describe(*told) : "does not answer";
}

std::vector<int> NcclWatch::behind(std::uint64_t sequence) const {
  std::vector<int> ranks;
  const std::lock_guard lock(state_mutex_);
  for (int rank = 0; rank < board_->size(); ++rank) {
    if (rank == board_->rank()) continue;
    const auto& told = standings_[static_cast<std::size_t>(rank)];
    if (!told || told->collectives < sequence) ranks.push_back(rank);
  }
  return ranks;
}

}  // namespace trireme::collectives
