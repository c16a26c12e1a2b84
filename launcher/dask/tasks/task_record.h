#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dask/tasks/edges.h"
#include "dask/tasks/membership.h"
#include "dask/tasks/task.h"

// Internals of the task scheduler: nothing outside of this folder includes these.
namespace trireme::launcher::dask::tasks {

struct Worker;
struct Client;
struct Prefix;

// Why a task is erred: shared by the task that failed and by all that needed it.
struct Failure {
  Opaque exception;
  Opaque traceback;
  Key task;  // that failed
};

// The type of results, as workers say it; results of one type share one.
struct ResultType {
  Bytes pickled;
  std::string name;
};

// All that is known of a task. A million of these exist at once: mind the size (README.md).
//
// Lives in a TaskTable, so its address is its identity. Nothing here keeps itself consistent: Edges, Relation, Dispatch
// and Lifecycle do, and invariants.cc says what they promise.
struct Task {
  const Key* key = nullptr;  // of its node in the table
  Prefix* prefix = nullptr;
  Bytes run_spec;
  std::shared_ptr<const Annotations> annotations;  // never null once it is computable
  std::shared_ptr<const Failure> failure;          // erred, or about to be: it needs something that failed
  std::shared_ptr<const ResultType> type;          // of the result, once there was one
  Priority priority;
  std::uint64_t sequence = 0;  // order of creation, where priorities are equal

  std::vector<Edge> dependencies;
  std::vector<Edge> dependents;
  Memberships<Worker> holders;    // workers with the result; not empty exactly in memory
  Memberships<Client> wanted_by;  // clients with futures

  Worker* worker = nullptr;       // processing: where
  std::int64_t run_id = 0;        // of the last run that was sent
  std::int64_t bytes = 0;         // of the result, also after it is gone
  std::uint32_t slot = 0;         // sent: place in worker->sent
  std::uint32_t expected_us = 0;  // processing: how long it is thought to keep a thread, with moving its inputs
  std::uint32_t waiters = 0;      // dependents that are waiting, queued or processing
  std::uint32_t missing = 0;      // waiting, queued or processing: dependencies that are not in memory
  std::uint32_t retries = 0;      // left
  std::uint32_t suspicious = 0;   // workers that died while they may have run it
  std::uint32_t mark = 0;         // scratch of whoever walks the graph

  TaskState state = TaskState::kReleased;
  bool computable = false;       // has a run_spec; without, it is data from outside
  bool actor = false;            // its result lives on one worker only
  bool is_barrier = false;       // of a shuffle
  bool lost_input = false;       // something it needs was forgotten: it cannot run again
  bool stranded = false;         // queued because no worker may run it
  bool sent = false;             // processing: the worker knows of it; else it is in its backlog
  bool long_running = false;     // processing: it left the worker's threads
  bool started = false;          // processing: the worker said that it runs
  bool steal_requested = false;  // processing: the worker was asked to give it back
  bool to_settle = false;        // Lifecycle will look at it
  bool forgotten = false;        // gone from the table, not yet freed

  // Waits for inputs, a worker, or a result: what it needs must be kept.
  [[nodiscard]] bool is_active() const {
    return state == TaskState::kWaiting || state == TaskState::kQueued || state == TaskState::kProcessing;
  }
  [[nodiscard]] bool is_needed() const { return waiters > 0 || !wanted_by.empty(); }
  // May run on some workers only.
  [[nodiscard]] bool is_restricted() const {
    return computable && (!annotations->workers.empty() || !annotations->resources.empty());
  }
};

// Orders by priority, then by age.
struct RunsEarlier {
  bool operator()(const Task* a, const Task* b) const {
    if (a->priority < b->priority) return true;
    if (b->priority < a->priority) return false;
    return a->sequence < b->sequence;
  }
};

}  // namespace trireme::launcher::dask::tasks
