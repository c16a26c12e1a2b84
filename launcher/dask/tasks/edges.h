#pragma once

#include <cstdint>
#include <vector>

namespace trireme::launcher::dask::tasks {

struct Task;

// One end of "needs": the task at the other end, and where this edge stands in that task's list, so that an edge is
// removed without a search, also from data that a million tasks need.
struct Edge {
  Task* task;
  std::uint32_t slot;
};

// `task` needs `dependency`. At most once for each pair, never of a task with itself.
void connect(Task& task, Task& dependency);

// Takes the edge at `index` of task.dependencies away, on both sides. The last edge takes its place.
void disconnect_dependency(Task& task, std::size_t index);

}  // namespace trireme::launcher::dask::tasks
