// Tasks that fail, are tried again, or cannot run any more.
#include <memory>
#include <utility>
#include <vector>

#include "dask/tasks/lifecycle.h"

namespace trireme::launcher::dask::tasks {

// All that wait for it share its failure; those that nobody needs find out when they are needed.
void Lifecycle::fail(Task& task, std::shared_ptr<const Failure> failure) {
  leave_active(task, Dispatch::Tell::kWorker);
  task.failure = std::move(failure);
  tasks_.set_state(task, TaskState::kErred);
  for (const Membership<Client>& client : task.wanted_by) tell_state(task, *client.owner);
  release_completers(task);
  for (const Edge& edge : task.dependents) {
    Task& dependent = *edge.task;
    if (!dependent.is_active()) continue;
    dependent.failure = task.failure;
    reconsider(dependent);
  }
  reconsider(task);
}

void Lifecycle::fail_killed(Task& task, const Worker& worker, std::uint32_t allowed) {
  Failure killed{.task = *task.key};
  if (exceptions_.killed_worker) killed.exception = exceptions_.killed_worker(*task.key, worker.address, allowed);
  fail(task, std::make_shared<const Failure>(std::move(killed)));
}

// What it held cannot be made again.
void Lifecycle::fail_lost_actor(Task& task) {
  Failure lost{.task = *task.key};
  if (exceptions_.actor_lost) lost.exception = exceptions_.actor_lost(*task.key);
  fail(task, std::make_shared<const Failure>(std::move(lost)));
}

void Lifecycle::requeue(Task& task, Dispatch::Tell tell) {
  dispatch_.withdraw(task, tell);
  tasks_.set_state(task, TaskState::kWaiting);
  reconsider(task);
}

void Lifecycle::reset(Task& task) {
  std::vector<Task*> erred{&task};
  while (!erred.empty()) {
    Task& next = *erred.back();
    erred.pop_back();
    if (next.state != TaskState::kErred) continue;
    next.failure.reset();
    next.suspicious = 0;
    tasks_.set_state(next, TaskState::kReleased);
    for (const Membership<Client>& client : next.wanted_by) {
      if (client.owner->is_connected) effects_.task_retried(client.owner->name, *next.key);
    }
    for (const Edge& edge : next.dependents) erred.push_back(edge.task);
    reconsider(next);
  }
}

// It can never have its result: whoever wants it is told so.
void Lifecycle::abandon(Task& task) {
  leave_active(task, Dispatch::Tell::kWorker);
  tasks_.set_state(task, TaskState::kReleased);
  while (!task.wanted_by.empty()) {
    Client& client = *task.wanted_by.back().owner;
    if (client.is_connected) effects_.cancelled_keys(client.name, std::span(task.key, 1), "lost data");
    Interests::remove(task, client);
  }
  forget(task);
}

// What depends on it cannot run again; what it depended on may not be needed any more.
void Lifecycle::forget(Task& task) {
  if (task.is_barrier) {
    end_shuffle(task);
    shuffles_.forget(*task.key);
  }
  while (!task.dependents.empty()) {
    const Edge edge = task.dependents.back();
    Task& dependent = *edge.task;
    if (dependent.is_active()) {
      --task.waiters;
      --dependent.missing;
    }
    disconnect_dependency(dependent, edge.slot);
    dependent.lost_input = true;
    reconsider(dependent);
  }
  while (!task.dependencies.empty()) {
    Task& input = *task.dependencies.back().task;
    disconnect_dependency(task, task.dependencies.size() - 1);
    reconsider(input);
  }
  tasks_.forget(task);
}

}  // namespace trireme::launcher::dask::tasks
