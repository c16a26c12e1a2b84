#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <variant>
#include <vector>

#include "dask/tasks/task_scheduler.h"

namespace trireme::launcher::dask::simulation {

using Random = std::mt19937_64;

// What the scheduler sends to a worker.
struct ToCompute {
  struct Input {
    Key key;
    std::vector<std::string> holders;
  };
  Key key;
  std::int64_t run_id;
  std::vector<Input> inputs;
};
struct ToFree {
  std::vector<Key> keys;
};
struct ToRemoveReplicas {
  std::vector<Key> keys;
};
struct ToSteal {
  Key key;
  std::string stimulus;
};
struct ToRefresh {
  Key key;
  std::vector<std::string> holders;
};
using ToWorker = std::variant<ToCompute, ToFree, ToRemoveReplicas, ToSteal, ToRefresh>;

// What a worker says: a call of the scheduler, to be made later.
using FromWorker = std::function<void(TaskScheduler&, double now)>;

// How a task behaves when it runs.
struct Behaviour {
  double seconds = 0.001;
  int failures = 0;  // of its first runs
  bool secedes = false;
  bool reschedules_once = false;
};

// A worker as the scheduler sees real ones: it fetches inputs, runs tasks on its threads, keeps results, and follows
// the rules of distributed's workers for what it is told while it is at something.
//
// Messages lie in two queues until the simulation delivers one. What it runs goes on when it is told to drop it, and
// then comes to nothing, unless it is told to compute it again: then it answers with the run that it had begun.
class ModelWorker {
 public:
  ModelWorker(WorkerInfo info, std::function<Behaviour&(const Key&)> behaviour_of)
      : info_(std::move(info)), behaviour_of_(std::move(behaviour_of)) {}

  [[nodiscard]] const std::string& address() const { return info_.address; }
  [[nodiscard]] const WorkerInfo& info() const { return info_; }

  // ---- messages
  std::deque<ToWorker> inbox;
  std::deque<FromWorker> outbox;
  void read_one();

  // It got data from outside.
  void give_data(const Key& key) { entries_[key].stage = Stage::kMemory; }

  // ---- its own doing; each picks at random and does nothing where there is nothing to do
  using HoldsData = std::function<bool(const std::string& address, const Key& key)>;
  void fetch_one(Random& random, const HoldsData& holds_data);
  void begin_one(Random& random);
  void end_one(Random& random);
  void drop_data(Random& random);
  void repeat_finish(Random& random);
  void set_status(WorkerStatus status);

  // It will run the task, once it has read what it was sent.
  [[nodiscard]] bool is_to_run(const Key& key) const;
  [[nodiscard]] bool has_data(const Key& key) const;
  [[nodiscard]] std::size_t data() const;
  [[nodiscard]] bool is_busy() const;
  [[nodiscard]] WorkerStatus status() const { return status_; }
  [[nodiscard]] std::vector<Key> executing() const;
  [[nodiscard]] std::string describe() const;

 private:
  enum class Stage { kFetching, kReady, kExecuting, kSeceded, kMemory, kErred };
  struct Entry {
    Stage stage = Stage::kFetching;
    bool is_cancelled = false;      // runs, for nobody
    std::int64_t run_id = 0;        // that it was told last
    std::int64_t begun_run_id = 0;  // that it runs
    std::vector<ToCompute::Input> inputs;
    std::size_t waits_for_news = 0;  // asked where its inputs are
  };
  using Entries = std::map<Key, Entry>;

  void read(ToCompute message);
  void read(const ToFree& message);
  void read(const ToRemoveReplicas& message);
  void read(const ToSteal& message);
  void read(const ToRefresh& message);
  void release(const Key& key);
  void release_data(Entries::iterator entry);
  void advance(Entry& entry) const;
  void say_finished(const Key& key, std::int64_t run_id, double seconds);
  Entries::iterator pick(Random& random, const std::function<bool(const Entry&)>& fits);

  WorkerInfo info_;
  std::function<Behaviour&(const Key&)> behaviour_of_;
  WorkerStatus status_ = WorkerStatus::kInit;
  Entries entries_;
};

}  // namespace trireme::launcher::dask::simulation
