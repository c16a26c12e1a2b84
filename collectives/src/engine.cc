#include "engine.h"

#include <sched.h>

#include <algorithm>

#include "flight/flight_writer.h"
#include "trireme/base/error.h"
#include "trireme/base/log.h"
#include "trireme/base/message.h"

namespace trireme::collectives {

// A posted operation: a place in a queue of the engine. The clock of its timeout starts with the first wait() or done()
// that finds it unfinished, so that a rank may compute as long as it likes between posting and waiting.
class QueuedWork final : public Work {
 public:
  QueuedWork(std::shared_ptr<Engine> engine, Operation operation)
      : engine_(std::move(engine)), operation_(std::move(operation)) {}

  void wait() override {
    if (!finished_) engine_->wait(*this);
    if (error_) std::rethrow_exception(error_);
  }
  void wait(Stream stream) override {
    if (finished_ || !engine_->hold(*this, stream)) wait();
  }
  [[nodiscard]] bool done() override {
    if (!finished_) engine_->poll(*this);
    return finished_;
  }
  [[nodiscard]] std::exception_ptr error() const override { return error_; }

 private:
  friend class Engine;
  using Clock = std::chrono::steady_clock;

  void finish(std::exception_ptr error) noexcept {
    finished_ = true;
    error_ = std::move(error);
    task_.reset();
  }

  std::shared_ptr<Engine> engine_;
  Operation operation_;
  std::uint64_t flight_number_ = 0;  // in the flight record
  std::unique_ptr<Task> task_;
  bool finished_ = false;
  std::exception_ptr error_;
  std::optional<Clock::time_point> waiting_since_;
};

namespace {

constexpr int kSpinsPerClockLook = 64;

void pause_cpu() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

}  // namespace

Engine::Lane Engine::lane_of(const Operation& operation) {
  const auto& signature = operation.signature;
  if (signature.kind == OpKind::kSend) return {OpKind::kSend, signature.root, 0};
  return {OpKind::kReceive, signature.root, operation.tag};
}

WorkPtr Engine::post(Operation operation) {
  check_alive(to_string(operation.signature.kind));
  const bool is_message = is_point_to_point(operation.signature.kind);
  operation.signature.sequence = is_message ? ++messages_posted_[lane_of(operation)] : ++collectives_posted_;
  auto work = std::make_shared<QueuedWork>(shared_from_this(), std::move(operation));
  work->flight_number_ = flight_->post(work->operation_);
  (is_message ? messages_[lane_of(work->operation_)] : collectives_).push_back(work);
  try {
    if (transport_->starts_at_once()) start(*work);
    // Messages that are started at once may be collected to go together, so posting one does not push it on.
    if (!transport_->starts_at_once() || !is_message) advance();
  } catch (...) {
    fail(std::current_exception());
  }
  return work;
}

void Engine::start(QueuedWork& work) {
  flight_->start(work.flight_number_);
  work.task_ = transport_->start(work.operation_);
}

void Engine::check_alive(const std::string& what) const {
  if (!error_) return;
  throw CommError(message("{} on rank {}/{}: the communicator is dead since: {}. Make a new one, or end the program",
                          what, transport_->rank(), transport_->size(), failure_of(error_).text));
}

void Engine::wait(QueuedWork& work) {
  try {
    transport_->push();
    for (int fruitless = 0; !work.finished_;) {
      if (advance()) {
        fruitless = 0;
      } else {
        block(work, fruitless++);
      }
    }
  } catch (...) {
    fail(std::current_exception());
  }
}

void Engine::poll(QueuedWork& work) noexcept {
  try {
    transport_->push();
    if (advance()) return;
    check_peers();
    check_deadline(work);
  } catch (...) {
    fail(std::current_exception());
  }
}

bool Engine::has_finished(const Work& work) noexcept { return static_cast<const QueuedWork&>(work).finished_; }

bool Engine::hold(QueuedWork& work, Stream stream) {
  try {
    return work.task_ && work.task_->hold(stream);
  } catch (...) {
    fail(std::current_exception());
    return false;
  }
}

// One look at the peers and the clock, then a pause that grows with the number of fruitless looks.
void Engine::block(QueuedWork& work, int fruitless) {
  const auto patience = transport_->patience();
  if (fruitless < patience.spins) {
    pause_cpu();
    if (fruitless % kSpinsPerClockLook != 0) return;
  }
  check_peers();
  check_deadline(work);
  if (fruitless < patience.spins) return;
  if (fruitless < patience.spins + patience.yields) {
    ::sched_yield();
  } else {
    transport_->sleep([this] { return advance(); });
  }
}

// What a peer did before it failed still counts: operations that have all they need finish.
void Engine::check_peers() {
  try {
    transport_->check_peers();
  } catch (const CommError&) {
    if (!advance()) throw;
  }
}

bool Engine::advance() {
  bool moved = !collectives_.empty() && advance(collectives_, depth_);
  for (auto lane = messages_.begin(); lane != messages_.end();) {
    moved |= advance(lane->second, 1);
    lane = lane->second.empty() ? messages_.erase(lane) : std::next(lane);
  }
  return moved;
}

template <typename Visit>
void Engine::for_each_queue(Visit&& visit) {
  visit(collectives_);
  for (auto& [lane, queue] : messages_) visit(queue);
}

// The first `depth` operations, started in order. An operation waits for those before it whose memory it shares.
bool Engine::advance(Queue& queue, std::size_t depth) {
  bool moved = false;
  for (auto place = queue.begin(); place != queue.end();) {
    if (static_cast<std::size_t>(place - queue.begin()) == depth) break;
    auto& work = **place;
    if (!work.task_ && shares_memory(queue.begin(), place)) break;
    if (!work.task_) start(work);
    const auto step = work.task_->advance();
    moved |= step != Step::kBlocked;
    if (step == Step::kFinished) {
      flight_->finish(work.flight_number_);
      work.finish(nullptr);
      place = queue.erase(place);
    } else {
      ++place;
    }
  }
  return moved;
}

// Whether the last operation shares memory with one of those before it.
bool Engine::shares_memory(Queue::const_iterator first, Queue::const_iterator last) {
  const auto& later = (*last)->operation_;
  return std::any_of(first, last, [&](const auto& work) {
    const auto& earlier = work->operation_;
    return overlap(earlier.output, later.input) || overlap(earlier.output, later.output) ||
           overlap(earlier.input, later.output);
  });
}

void Engine::check_deadline(QueuedWork& work) const {
  const auto now = transport_->now();
  if (!work.waiting_since_) work.waiting_since_ = now;
  const auto timeout = work.operation_.timeout;
  if (now - *work.waiting_since_ < timeout) return;
  const bool has_task = !collectives_.empty() && collectives_.front()->task_;
  if (has_task && now - *work.waiting_since_ < timeout + collectives_.front()->task_->grace(timeout)) return;
  transport_->investigate();
  throw TimeoutError(timeout_report(work));
}

std::string Engine::timeout_report(const QueuedWork& work) const {
  const auto* first = &work;
  if (is_point_to_point(work.operation_.signature.kind)) {
    const auto lane = messages_.find(lane_of(work.operation_));
    if (lane != messages_.end() && !lane->second.empty()) first = lane->second.front().get();
  } else if (!collectives_.empty()) {
    first = collectives_.front().get();
  }
  const auto missing = first->task_ ? first->task_->missing() : std::vector<int>{};
  auto text = message("{} on rank {}/{} of {} timed out after {} ms: missing{}", describe(work.operation_.signature),
                      transport_->rank(), transport_->size(), transport_->name(), work.operation_.timeout.count(),
                      missing.empty() ? " some rank" : "");
  for (int rank : missing) text += message(" rank {}", rank);
  text += ". Where everyone stands:";
  for (int rank = 0; rank < transport_->size(); ++rank) {
    text += message("{} rank {} {}", rank == 0 ? "" : ";", rank, transport_->standing(rank));
  }
  return text;
}

bool Engine::progress() noexcept {
  try {
    if (advance()) return true;
    check_peers();
    return false;
  } catch (...) {
    fail(std::current_exception());
    return true;
  }
}

std::vector<int> Engine::missing() const {
  const bool is_waiting = !collectives_.empty() && collectives_.front()->task_;
  return is_waiting ? collectives_.front()->task_->missing() : std::vector<int>{};
}

// Peers that wait are told first; the disk comes last.
void Engine::fail(std::exception_ptr error) noexcept {
  if (error_) return;
  error_ = error;
  const auto failure = failure_of(error);
  transport_->announce(failure);
  record(failure);
  for_each_queue([&](Queue& queue) {
    for (auto& work : queue) work->finish(error);
  });
  forget_queues();
  write_record_of_failure(to_string(failure.kind));
}

// What is known now of who is missing and where everyone stands.
void Engine::record(const Failure& failure) noexcept {
  try {
    FlightFailure seen{.failure = failure};
    for_each_queue([&](const Queue& queue) {
      if (!seen.missing.empty() || queue.empty() || !queue.front()->task_) return;
      seen.missing = queue.front()->task_->missing();
    });
    for (int rank = 0; rank < transport_->size(); ++rank) seen.standings.push_back(transport_->standing(rank));
    flight_->fail(seen);
  } catch (const std::exception& exception) {
    log_warn("rank={} event=flight_record_incomplete cause=\"{}\"", transport_->rank(), exception.what());
  }
}

void Engine::abort(std::string_view reason) {
  transport_->abort(reason);
  flight_->abort({FailureKind::kCommunication, -1, std::string(reason)});
  write_record_of_failure("abort");
}

void Engine::close() noexcept {
  const auto keep = shared_from_this();  // the last work may hold the last reference
  bool has_pending = false;
  for_each_queue([&](const Queue& queue) { has_pending |= !queue.empty(); });
  if (!error_ && has_pending) {
    fail(std::make_exception_ptr(
        CommError(message("rank {}/{} destroyed its communicator before its operations were done", transport_->rank(),
                          transport_->size()))));
  }
  forget_queues();
  transport_.reset();
}

void Engine::forget_queues() noexcept {
  collectives_.clear();
  messages_.clear();
}

}  // namespace trireme::collectives
