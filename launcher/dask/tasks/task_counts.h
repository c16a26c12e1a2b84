#pragma once

#include <cstddef>

#include "dask/tasks/task.h"

namespace trireme::launcher::dask {

// How many tasks are in which state.
struct TaskCounts {
  std::size_t released = 0, waiting = 0, queued = 0, processing = 0, memory = 0, erred = 0;

  [[nodiscard]] std::size_t& of(TaskState state);
  friend bool operator==(const TaskCounts&, const TaskCounts&) = default;
};

}  // namespace trireme::launcher::dask
