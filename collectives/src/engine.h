#pragma once

#include <chrono>
#include <compare>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "flight/flight_registry.h"
#include "transport.h"
#include "trireme/collectives/work.h"

namespace trireme::collectives {

class QueuedWork;

// Queues posted operations and moves them on whenever somebody posts or waits; there is no thread.
//
// Collectives start in the order posted; how many are under way at a time is the transport's choice, and those that
// share memory never are. Sends to one peer, and receives of one (peer, tag), are
// queues of their own, so that a send never waits for a collective.
// Lifetime: shared by the communicator and its unfinished works; close() fails what is left.
// Failure: the first error kills it: every pending work gets that error, peers are told, later posts throw CommError.
class Engine : public std::enable_shared_from_this<Engine> {
 public:
  Engine(std::unique_ptr<Transport> transport, const FlightGroup& group)
      : transport_(std::move(transport)), flight_(FlightRegistry::make_recorder(group)) {}

  [[nodiscard]] Transport& transport() noexcept { return *transport_; }
  // Numbers the operation and starts it if nothing is before it.
  [[nodiscard]] WorkPtr post(Operation operation);
  void close() noexcept;
  // Why it is dead; null while it lives.
  [[nodiscard]] std::exception_ptr error() const noexcept { return error_; }
  // Throws CommError once dead.
  void check_alive(const std::string& what) const;
  // Fails this rank's operations, and those of peers that wait for it, when they are next looked at. Any thread.
  void abort(std::string_view reason);
  // Ends every operation of this rank with `error`, and tells peers.
  void fail(std::exception_ptr error) noexcept;
  // Moves on what can be moved, without waiting; true when anything moved, or failed just now.
  bool progress() noexcept;
  // No collective and no message is under way.
  [[nodiscard]] bool is_idle() const noexcept { return collectives_.empty() && messages_.empty(); }
  // Whether `work`, which an engine posted, is done or failed. Other than done() it moves nothing on.
  [[nodiscard]] static bool has_finished(const Work& work) noexcept;
  // The ranks that the oldest collective under way waits for.
  [[nodiscard]] std::vector<int> missing() const;
  // Runs `collective`, a blocking part of a backend; what it throws kills the communicator.
  template <typename Collective>
  auto run(Collective&& collective) {
    try {
      return collective();
    } catch (...) {
      fail(std::current_exception());
      throw;
    }
  }

 private:
  friend class QueuedWork;
  using Queue = std::deque<std::shared_ptr<QueuedWork>>;
  // Messages that wait for each other.
  struct Lane {
    OpKind kind = OpKind::kSend;
    int peer = -1;
    int tag = 0;
    friend auto operator<=>(const Lane&, const Lane&) = default;
  };

  [[nodiscard]] static Lane lane_of(const Operation& operation);
  void wait(QueuedWork& work);
  void poll(QueuedWork& work) noexcept;
  [[nodiscard]] bool hold(QueuedWork& work, Stream stream);
  void block(QueuedWork& work, int fruitless);
  void check_peers();
  bool advance();
  bool advance(Queue& queue, std::size_t depth);
  [[nodiscard]] static bool shares_memory(Queue::const_iterator first, Queue::const_iterator last);
  template <typename Visit>
  void for_each_queue(Visit&& visit);
  void forget_queues() noexcept;
  void start(QueuedWork& work);
  void check_deadline(QueuedWork& work) const;
  [[nodiscard]] std::string timeout_report(const QueuedWork& work) const;
  void record(const Failure& failure) noexcept;

  std::unique_ptr<Transport> transport_;
  const std::size_t depth_ = transport_->depth();
  const std::shared_ptr<FlightRecorder> flight_;
  std::uint64_t collectives_posted_ = 0;
  std::map<Lane, std::uint64_t> messages_posted_;
  Queue collectives_;
  std::map<Lane, Queue> messages_;
  std::exception_ptr error_;
};

}  // namespace trireme::collectives
