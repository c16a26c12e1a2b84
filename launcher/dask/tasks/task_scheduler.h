#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dask/tasks/effects.h"
#include "dask/tasks/exceptions.h"
#include "dask/tasks/needed.h"
#include "dask/tasks/task.h"
#include "dask/tasks/task_counts.h"

namespace trireme::launcher::dask {

// What a worker says of itself when it registers.
struct WorkerInfo {
  std::string address;  // "tcp://127.0.0.1:40001", unique
  std::string name;     // as text, also where Dask has a number
  std::string host;     // of the address
  std::int64_t threads = 1;
  std::int64_t memory_limit = 0;  // bytes; 0: none
  std::map<std::string, double> resources;
};

enum class WorkerStatus { kInit, kRunning, kPaused, kClosingGracefully, kClosing };

// What a heartbeat says that placement uses.
struct WorkerLoad {
  std::int64_t memory = 0;     // bytes used by the process
  double bandwidth = 0;        // bytes per second it saw from other workers; 0: not known
  std::vector<Key> executing;  // running right now
};

struct PlacementSettings {
  double work_in_flight_seconds = 0.035;  // sent ahead to each thread, from measured durations
  std::int64_t fewest_in_flight = 2;      // per thread, also where durations are unknown
  std::int64_t most_in_flight = 64;       // per thread
  double bandwidth = 100e6;               // bytes per second assumed between workers until measured
  std::uint32_t allowed_failures = 3;     // deaths of workers that a task may be running on
  bool stealing = true;
};

// One worker, to be read.
struct WorkerView {
  std::string_view address;
  std::string_view name;
  WorkerStatus status;
  std::int64_t threads;
  std::int64_t memory_limit;
  std::size_t processing;   // tasks given to it, sent or about to be
  std::size_t in_memory;    // results it holds
  std::int64_t held_bytes;  // of those results
  double occupancy;         // seconds of work given to it
};

// What was sent to a worker and has not ended, for each of its threads.
struct WorkAhead {
  double tasks = 0;
  double seconds = 0;  // by the average durations of tasks like them
};

// Tasks of one kind that exist now: "inc" of inc-3e8f….
struct PrefixView {
  std::string_view name;
  TaskCounts counts;
  double seconds;  // of a run, averaged; negative: none has ended yet
};

// Decides which task runs where and when, and what is kept: Dask's scheduler without sockets, threads or clock.
//
// Every event takes the time (`now`, seconds, never going back) and tells its decisions to Effects before it returns.
// Tasks are opaque: a key, keys of others it needs, bytes to send to a worker. After each event the invariants of
// invariants.h hold. Not thread-safe: one thread owns it. Unknown keys, clients and workers in events are ignored where
// a peer may name one that is gone by then; it never throws for what a peer sends.
//
// Rules: PROTOCOL.md, "Life of a task". State transitions follow distributed 2026.8.0 (docs: scheduling-state),
// placement is our own (README.md).
class TaskScheduler {
 public:
  // Effects must outlive it.
  explicit TaskScheduler(Effects& effects, PlacementSettings settings = {}, ExceptionWriters exceptions = {});
  ~TaskScheduler();
  TaskScheduler(const TaskScheduler&) = delete;
  TaskScheduler& operator=(const TaskScheduler&) = delete;

  // ---- clients. A holder is a client's id, or any other name that keeps keys alive ("variable-x", "published-y").
  void add_client(const std::string& client);
  // Drops all its interests.
  void remove_client(std::string_view client);
  // Tasks that depend on what is neither in the graph nor known: all wanted keys are cancelled ("lost dependencies").
  void update_graph(const Graph& graph, double now);
  void desire_keys(const std::string& holder, std::span<const Key> keys, double now);
  void release_keys(std::string_view holder, std::span<const Key> keys, double now);
  // Cancels keys that only this client wants (all, with force), and their dependents.
  void cancel_keys(std::string_view client, std::span<const Key> keys, bool force, std::string_view reason, double now);
  // Says again how a key stands; one that is unknown is cancelled ("already forgotten").
  void report_key(std::string_view client, const Key& key);
  // Runs erred tasks again, with the erred ones they depend on; returns the keys set back.
  std::vector<Key> retry(std::span<const Key> keys, double now);
  // The graph of these keys could not be made: they are erred for this client.
  void fail_keys(std::string_view client, std::span<const Key> keys, const Opaque& exception, const Opaque& traceback);
  // Forgets every task and interest (Client.restart). Workers stay.
  void forget_everything(double now);

  // ---- workers
  void add_worker(const WorkerInfo& worker, double now);
  // `expected`: it was told to go, so its tasks are not suspected of having killed it.
  void remove_worker(std::string_view address, bool expected, double now);
  void set_worker_status(std::string_view address, WorkerStatus status, double now);
  void set_worker_resources(std::string_view address, const std::map<std::string, double>& resources, double now);
  void update_load(std::string_view address, const WorkerLoad& load, double now);
  // News of its tasks are about to come, after other programs have had the processor.
  void expect_news(std::string_view worker) const;
  void task_finished(std::string_view worker, const TaskResult& result, double now);
  void task_erred(std::string_view worker, const TaskFailure& failure, double now);
  // It left the worker's threads after it had kept one for so many seconds; negative: not said.
  void task_long_running(std::string_view worker, const Key& key, std::int64_t run_id, double seconds, double now);
  // run_id 0: not said.
  void task_rescheduled(std::string_view worker, const Key& key, std::int64_t run_id, double now);
  // The worker dropped what it held (release-worker-data).
  void data_released(std::string_view worker, const Key& key, double now);
  // The worker fetched these (add-keys); unknown ones are to be removed from it.
  void data_added(std::string_view worker, std::span<const Key> keys, double now);
  void who_has_requested(std::string_view worker, std::span<const Key> keys);
  // state: the worker's name of the task's state, "ready", "executing", …
  void steal_answered(std::string_view worker, const Key& key, std::string_view state, std::string_view stimulus,
                      double now);
  // Data without a task: scatter and Client.update_data.
  void data_scattered(std::string_view holder, const Key& key, std::int64_t bytes, const Bytes& type,
                      std::span<const std::string> workers, double now);

  // ---- P2P shuffles (shuffle.h), by their barrier. What is returned is valid until the next event.
  // The worker takes part in the run there is; null when there is none, or no such worker.
  const Shuffle* join_shuffle(const Key& barrier, std::string_view worker);
  // The same; where there is no run, one begins. Null also when `transfer` is not running, or the barrier is unknown.
  const Shuffle* begin_shuffle(const Key& barrier, std::string_view worker, const Key& transfer);
  // Until the run is over the output task may run on this worker only. False: there is no such run or output.
  bool pin_output(const Key& barrier, std::int64_t run, const Key& output, const std::string& worker, double now);
  // All transfers run again, in a new run. Ignored for a run that is over.
  void restart_shuffle(const Key& barrier, std::int64_t run, double now);
  [[nodiscard]] const Shuffle* find_shuffle(const Key& barrier) const;

  // Steals, and whatever else follows from time alone. Every 100 ms.
  void tick(double now);

  // ---- queries
  [[nodiscard]] std::vector<WorkerView> workers() const;
  [[nodiscard]] bool has_worker(std::string_view address) const;
  [[nodiscard]] TaskCounts counts() const;
  [[nodiscard]] std::vector<PrefixView> prefixes() const;  // in no order; valid until the next event
  [[nodiscard]] std::optional<TaskState> state_of(const Key& key) const;
  [[nodiscard]] std::vector<std::string> holders_of(const Key& key) const;  // addresses; none: not in memory
  [[nodiscard]] std::vector<Key> keys_in_memory() const;
  [[nodiscard]] std::vector<Key> keys_held_by(std::string_view worker) const;
  [[nodiscard]] std::vector<Key> keys_processing_on(std::string_view worker) const;
  [[nodiscard]] WorkAhead work_ahead_of(std::string_view worker) const;
  // Some worker that takes tasks has none.
  [[nodiscard]] bool has_idle_workers() const;
  [[nodiscard]] std::int64_t bytes_of(const Key& key) const;  // 0: unknown or not in memory
  [[nodiscard]] std::string type_name_of(const Key& key) const;
  [[nodiscard]] std::string_view kind_of(const Key& key) const;  // "inc" of inc-3e8f…; empty: unknown
  // What a worker would be sent for it; empty: unknown, or data without a task.
  [[nodiscard]] Bytes run_spec_of(const Key& key) const;
  [[nodiscard]] NeededTasks needed_by(std::span<const Key> keys, Counted counted) const;
  // Of the task that failed first; kNil when the key is not erred.
  [[nodiscard]] std::pair<Opaque, Opaque> failure_of(const Key& key) const;  // exception, traceback
  [[nodiscard]] std::optional<Key> failed_first(const Key& key) const;       // that task; nothing: the key is not erred
  // How many workers would be kept busy (Adaptive): by occupancy over target_seconds, memory and queued tasks.
  [[nodiscard]] std::size_t wanted_workers(double target_seconds) const;
  // Addresses of workers that could go with the least lost, idle ones first; `count` of them, or all idle ones.
  [[nodiscard]] std::vector<std::string> workers_to_close(std::optional<std::size_t> count) const;

  // For tests: what is broken, empty when nothing is.
  [[nodiscard]] std::vector<std::string> broken_invariants() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace trireme::launcher::dask
