#include "dask/tasks/edges.h"

#include "dask/tasks/task_record.h"

namespace trireme::launcher::dask::tasks {

void connect(Task& task, Task& dependency) {
  task.dependencies.push_back({&dependency, static_cast<std::uint32_t>(dependency.dependents.size())});
  dependency.dependents.push_back({&task, static_cast<std::uint32_t>(task.dependencies.size() - 1)});
}

void disconnect_dependency(Task& task, std::size_t index) {
  const Edge edge = task.dependencies[index];
  std::vector<Edge>& dependents = edge.task->dependents;
  if (edge.slot + 1 != dependents.size()) {
    dependents[edge.slot] = dependents.back();
    dependents[edge.slot].task->dependencies[dependents[edge.slot].slot].slot = edge.slot;
  }
  dependents.pop_back();
  if (index + 1 != task.dependencies.size()) {
    task.dependencies[index] = task.dependencies.back();
    const Edge& moved = task.dependencies[index];
    moved.task->dependents[moved.slot].slot = static_cast<std::uint32_t>(index);
  }
  task.dependencies.pop_back();
}

}  // namespace trireme::launcher::dask::tasks
