#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

// What goes on at port 8786, for the faces to show. Plain values; dask/ writes them, api/ reads them.
namespace trireme::launcher {

struct TaskStates {
  std::size_t released = 0, waiting = 0, queued = 0, processing = 0, memory = 0, erred = 0;
};

// A Dask worker.
struct TaskWorkerView {
  std::string address;  // "tcp://127.0.0.1:40001"
  std::string name;
  std::string status;  // as Dask names it: "running", "paused", …
  std::int64_t threads = 0;
  std::int64_t memory_limit = 0;  // bytes; 0: none
  std::int64_t memory = 0;        // bytes of the process, as its last heartbeat said
  double cpu = 0;                 // percent of one core
  std::size_t processing = 0;     // tasks given to it
  std::size_t in_memory = 0;      // results it holds
  std::int64_t held_bytes = 0;    // of those results
  double occupancy = 0;           // seconds of work given to it
  double last_seen = 0;           // seconds since the epoch
};

// Tasks of one kind: "inc" of inc-3e8f….
struct TaskPrefixView {
  std::string name;
  TaskStates states;
  double seconds = -1;  // of one run, averaged; negative: none has ended yet
};

// One run of a task in a thread of a worker.
struct TaskSpan {
  std::uint64_t sequence = 0;  // grows by one from task to task
  std::string prefix;
  std::string worker;  // its name
  std::uint64_t thread = 0;
  double begin = 0;  // seconds since the epoch, by the worker's clock
  double end = 0;
  bool erred = false;
};

struct TaskBoard {
  std::size_t clients = 0;
  TaskStates totals;
  std::vector<TaskWorkerView> workers;   // by address
  std::vector<TaskPrefixView> prefixes;  // that have tasks, by name
};

// Thread-safe. What it shows is at most half a second old.
class TaskSource {
 public:
  virtual ~TaskSource() = default;
  [[nodiscard]] virtual TaskBoard board() const = 0;
  // Of the newest spans those after `sequence`, at most `most`, oldest first.
  [[nodiscard]] virtual std::vector<TaskSpan> spans_after(std::uint64_t sequence, std::size_t most) const = 0;
};

}  // namespace trireme::launcher
