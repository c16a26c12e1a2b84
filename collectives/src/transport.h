#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "failure.h"
#include "operation.h"

// What a backend provides: operations cut into steps that never block, and a way to sleep between them. Engine
// queues, waits, keeps deadlines and fails; PostingCommunicator checks arguments.
namespace trireme::collectives {

enum class Step { kBlocked, kMoved, kFinished };

// One operation under way. Destroyed early when the communicator fails or goes.
class Task {
 public:
  virtual ~Task() = default;
  // Does what can be done now. Throws a CommError when the operation cannot succeed.
  virtual Step advance() = 0;
  // The ranks that this operation waits for, for the report of a timeout.
  [[nodiscard]] virtual std::vector<int> missing() const = 0;
  // How much later than its timeout the operation gives up, because other ranks know better whom it waits for.
  [[nodiscard]] virtual std::chrono::milliseconds grace(std::chrono::milliseconds) const { return {}; }
  // Makes `stream` wait for the operation; false where only the host can wait.
  [[nodiscard]] virtual bool hold(Stream) { return false; }
};

// How often a waiting rank looks again before it yields, and before it sleeps.
struct Patience {
  int spins = 0;
  int yields = 16;
};

// The ranks of one color, of which the caller is members[rank].
struct Subgroup {
  int color = 0;
  int key = 0;
  int rank = 0;
  int ordinal = 0;                // of this split among the splits of the parent
  std::vector<int> members = {};  // ranks in the parent
};

// Threads: as Communicator; only abort() may be called from any thread.
class Transport {
 public:
  virtual ~Transport() = default;
  [[nodiscard]] virtual std::string_view name() const noexcept = 0;
  [[nodiscard]] virtual int rank() const noexcept = 0;
  [[nodiscard]] virtual int size() const noexcept = 0;

  [[nodiscard]] virtual std::unique_ptr<Task> start(const Operation& operation) = 0;
  // True where a device keeps the order of operations, so that all are started when posted.
  [[nodiscard]] virtual bool starts_at_once() const noexcept { return false; }
  // How many collectives may be under way at a time, where their memory does not overlap.
  [[nodiscard]] virtual std::size_t depth() const noexcept { return 1; }
  // False where messages match by peer and order alone.
  [[nodiscard]] virtual bool has_tags() const noexcept { return true; }
  [[nodiscard]] virtual bool can_reach(const Device& device) const noexcept {
    return device.kind == Device::Kind::kCpu;
  }
  // Operations posted in between may start together at the end, where a backend can. May be nested.
  virtual void begin_group() {}
  virtual void end_group() {}
  // Somebody waits: what was collected to start together starts.
  virtual void push() {}
  // Throws when this rank or a peer gave up, or when a peer is lost. Cheap: called whenever a wait is fruitless.
  virtual void check_peers() = 0;
  // An operation has timed out: finds out what the other ranks did, for standing() and Task::missing(), and throws when
  // that was the cause. May block for a moment.
  virtual void investigate() {}
  // Where `rank` stands, as far as this rank knows: "at all_reduce #12 of 1024 float32, sum".
  [[nodiscard]] virtual std::string standing(int rank) const = 0;

  [[nodiscard]] virtual std::chrono::steady_clock::time_point now() const { return std::chrono::steady_clock::now(); }
  [[nodiscard]] virtual Patience patience() const noexcept = 0;
  // Sleeps a bounded time, less when a peer moves. Calls `moved` once more before it sleeps, and does not when true.
  virtual void sleep(const std::function<bool()>& moved) = 0;
  // Sleeps at most so long, less when a peer moves, where the transport hears of that. For who waits for several of
  // them.
  virtual void doze(std::chrono::nanoseconds most) { std::this_thread::sleep_for(most); }

  // Tells peers that wait for this rank why it gave up, as far as they can be reached.
  virtual void announce(const Failure& failure) noexcept = 0;
  virtual void abort(std::string_view reason) = 0;

  // Collective; the ranks have already agreed on `bytes` > 0.
  [[nodiscard]] virtual MemoryPtr allocate(std::size_t bytes) = 0;
  // True where split() finds the members by color and key itself; then `rank` and `members` are not filled in.
  [[nodiscard]] virtual bool splits_itself() const noexcept { return false; }
  // Of a part made by such a split(): its ranks in the group that was first split.
  [[nodiscard]] virtual std::vector<int> members() const { return {}; }
  // Collective over all ranks of this transport; null for a color below 0.
  [[nodiscard]] virtual std::unique_ptr<Transport> split(const Subgroup& subgroup) = 0;
};

}  // namespace trireme::collectives
