#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "dask/tasks/membership.h"
#include "dask/tasks/task_record.h"
#include "dask/tasks/task_scheduler.h"

namespace trireme::launcher::dask::tasks {

using TaskQueue = std::set<Task*, RunsEarlier>;

// How much of one resource a worker has, and how much the tasks that were sent to it hold.
struct ResourceShare {
  double supply = 0;
  double used = 0;
  std::uint32_t tasks = 0;  // that hold some; at none, `used` is exactly 0 again
};

// Where a worker stands in the order of workers by load.
struct LoadRank {
  bool is_full = false;          // no room in its window
  std::int64_t load_us = 0;      // work per thread, with a penalty for little memory left
  std::uint64_t last_given = 0;  // the one that waited longest comes first

  friend auto operator<=>(const LoadRank&, const LoadRank&) = default;
};

// What a worker holds of the inputs of the task that is being placed.
struct LocalInputs {
  std::uint64_t choice = 0;  // counts choices; of an older one, the rest means nothing
  std::int64_t bytes = 0;
  std::int64_t count = 0;
};

// All that is known of a worker. Lives in a WorkerTable.
struct Worker {
  std::string address;
  std::string name;
  std::string host;
  std::int64_t threads = 1;
  std::int64_t memory_limit = 0;
  std::map<std::string, ResourceShare, std::less<>> resources;
  WorkerStatus status = WorkerStatus::kInit;
  std::uint64_t number = 0;  // order of joining

  std::vector<Task*> sent;  // processing, the worker knows; in no order
  TaskQueue backlog;        // processing, not sent yet
  TaskQueue constrained;    // the part of the backlog that needs resources
  std::vector<Task*> held;  // results
  std::int64_t held_bytes = 0;
  std::int64_t in_window = 0;     // sent, without long-running ones
  std::int64_t in_window_us = 0;  // of work
  std::int64_t backlog_us = 0;    // of work in both parts of the backlog
  std::int64_t long_running = 0;  // sent, outside of its threads
  std::int64_t actors = 0;        // held or processing
  std::int64_t memory = 0;        // used by the process, as it said last
  double bandwidth = 0;           // bytes per second it saw from others; 0: not known
  double last_news = 0;           // when it was last sent work or ended some
  std::uint64_t last_given = 0;   // counts what all workers are given
  LoadRank rank;                  // as in LoadIndex
  bool is_ranked = false;         // in LoadIndex: it runs
  std::int64_t crowd_us = 0;      // its backlog as in the index of backlogs; 0: not in it
  bool is_opened = false;         // may have room since this event began
  std::vector<Key> to_free;       // not yet told

  LocalInputs local_inputs;        // scratch of Dispatch
  std::uint64_t candidate_of = 0;  // the same: of which choice

  [[nodiscard]] bool is_running() const { return status == WorkerStatus::kRunning; }
  [[nodiscard]] std::size_t waiting_here() const { return backlog.size() + constrained.size(); }
  [[nodiscard]] std::int64_t occupancy_us() const { return in_window_us + backlog_us; }
};

using Replicas = Relation<Task, Worker, &Worker::held, &Task::holders>;

}  // namespace trireme::launcher::dask::tasks
