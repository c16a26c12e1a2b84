// What becomes of tasks when the run of a P2P shuffle ends or has to begin anew.
#include <algorithm>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "dask/tasks/lifecycle.h"

namespace trireme::launcher::dask::tasks {

void Lifecycle::end_shuffle(Task& barrier) {
  Shuffle* shuffle = shuffles_.find(*barrier.key);
  if (shuffle == nullptr || !shuffle->run) return;
  const ShuffleRun run = *shuffles_.end_run(*barrier.key);
  const std::string why = fmt::format("run {} of shuffle {} is over", run.number, shuffle->spec.id);
  for (const std::string& worker : run.participants) {
    effects_.fail_shuffle(worker, shuffle->spec.id, run.number, why);
  }
  for (const Edge& edge : barrier.dependents) unpin(*edge.task);
}

// Outputs that are done stay; those that are not wait for the barrier again. With one that has failed all of it has.
void Lifecycle::restart_shuffle(Task& barrier) {
  end_shuffle(barrier);
  const bool has_failed = std::any_of(barrier.dependents.begin(), barrier.dependents.end(),
                                      [](const Edge& edge) { return edge.task->state == TaskState::kErred; });
  if (has_failed) return;
  make_again(barrier);
  for (const Edge& edge : barrier.dependencies) make_again(*edge.task);
}

void Lifecycle::make_again(Task& task) {
  if (task.state == TaskState::kProcessing) {
    requeue(task, Dispatch::Tell::kWorker);
  } else if (task.state == TaskState::kMemory && task.computable) {
    free_result(task);
    tell_lost(task);
  }
}

// Twice where it needs two shuffles: both put its partition on the same worker.
void Lifecycle::pin(Task& task, const std::string& worker) {
  if (task.annotations->before_pin != nullptr) return;
  auto pinned = std::make_shared<Annotations>(*task.annotations);
  pinned->workers = {worker};
  pinned->allow_other_workers = false;
  pinned->before_pin = task.annotations;
  annotate(task, std::move(pinned));
}

void Lifecycle::unpin(Task& task) {
  if (!task.computable || task.annotations->before_pin == nullptr) return;
  annotate(task, std::shared_ptr(task.annotations->before_pin));
}

// One that no worker knows of is placed by its new annotations.
void Lifecycle::annotate(Task& task, std::shared_ptr<const Annotations> annotations) {
  if (task.state == TaskState::kQueued || (task.state == TaskState::kProcessing && !task.sent)) {
    requeue(task, Dispatch::Tell::kNobody);
  }
  task.annotations = std::move(annotations);
}

}  // namespace trireme::launcher::dask::tasks
