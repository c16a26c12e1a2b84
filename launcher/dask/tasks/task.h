#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dask/tasks/shuffle.h"
#include "dask/wire/bytes.h"
#include "dask/wire/key.h"
#include "dask/wire/opaque.h"

namespace trireme::launcher::dask {

// What a client asks of every task it annotates alike; tasks of a graph share one. Values of dask.annotate().
struct Annotations {
  double priority = 0;                      // higher runs earlier
  std::uint32_t retries = 0;                // runs after a failure
  std::vector<std::string> workers;         // addresses, names or hosts; empty: any worker
  bool allow_other_workers = false;         // `workers` is a wish
  std::map<std::string, double> resources;  // held while the task runs
  Bytes packed;                             // the msgpack map that the worker is given; empty: {}

  // Set while the run of a shuffle chose `workers`: what there was before.
  std::shared_ptr<const Annotations> before_pin;
};

// Lower runs earlier: [-user priority, generation of the graph, order in the graph].
struct Priority {
  double user = 0;
  double generation = 0;
  std::int64_t order = 0;

  friend auto operator<=>(const Priority&, const Priority&) = default;
};

// One task as a materialized graph has it.
struct TaskSpec {
  Key key;
  std::vector<Key> dependencies;
  Bytes run_spec;          // a pickle nobody here opens
  std::int64_t order = 0;  // in the graph, by dask.order
  std::shared_ptr<const Annotations> annotations;
  bool actor = false;
};

// What one update-graph adds, once it is materialized.
struct Graph {
  std::string client;
  std::vector<TaskSpec> tasks;  // dependencies may be in the graph or known already
  std::vector<ShuffleSpec> shuffles;
  std::vector<Key> wanted;  // the client holds futures of these
  double fifo_seconds = 0;  // a later graph within this time has the same generation
  Key submitting_task;      // a task that submitted this graph while it runs; empty: none
};

// What ended on a worker.
struct TaskResult {
  Key key;
  std::int64_t run_id = 0;
  std::int64_t bytes = 0;
  Bytes type;             // a pickle of the result's type; not kept
  std::string type_name;  // for people
  double started = 0;     // of its "compute", seconds since the epoch by the worker's clock; 0: not said
  double stopped = 0;
};

struct TaskFailure {
  Key key;
  std::int64_t run_id = 0;
  Opaque exception;
  Opaque traceback;
  std::string exception_text;
  std::string traceback_text;
};

enum class TaskState { kReleased, kWaiting, kQueued, kProcessing, kMemory, kErred };

[[nodiscard]] const char* name_of(TaskState state);

}  // namespace trireme::launcher::dask
