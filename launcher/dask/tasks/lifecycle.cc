#include "dask/tasks/lifecycle.h"

#include <algorithm>
#include <utility>

namespace trireme::launcher::dask::tasks {

void Lifecycle::reconsider(Task& task) {
  if (!std::exchange(task.to_settle, true)) to_settle_.push_back(&task);
}

// ---- results

void Lifecycle::complete(Task& task, Worker& worker) {
  leave_active(task, Dispatch::Tell::kNobody);
  add_replica(task, worker);
  enter_memory(task);
}

void Lifecycle::set_data(Task& task, std::span<Worker* const> workers) {
  leave_active(task, Dispatch::Tell::kWorker);
  task.failure.reset();
  for (Worker* worker : workers) add_replica(task, *worker);
  if (task.holders.empty()) tasks_.set_state(task, TaskState::kReleased);
  if (!task.holders.empty() && task.state != TaskState::kMemory) enter_memory(task);
  reconsider(task);
}

void Lifecycle::enter_memory(Task& task) {
  tasks_.set_state(task, TaskState::kMemory);
  for (const Edge& edge : task.dependents) {
    Task& dependent = *edge.task;
    if (dependent.is_active() && --dependent.missing == 0) reconsider(dependent);
  }
  for (const Membership<Client>& client : task.wanted_by) tell_state(task, *client.owner);
  release_completers(task);
  reconsider(task);
}

void Lifecycle::leave_memory(Task& task) {
  tasks_.set_state(task, TaskState::kReleased);
  for (const Edge& edge : task.dependents) {
    Task& dependent = *edge.task;
    if (!dependent.is_active()) continue;
    ++dependent.missing;
    reconsider(dependent);
  }
  reconsider(task);
}

void Lifecycle::add_replica(Task& task, Worker& worker) {
  if (!Replicas::add(task, worker)) return;
  worker.held_bytes += task.bytes;
  if (task.actor) ++worker.actors;
}

void Lifecycle::remove_replica(Task& task, Worker& worker) {
  if (!Replicas::remove(task, worker)) return;
  worker.held_bytes -= task.bytes;
  if (task.actor) --worker.actors;
  if (!task.holders.empty()) return;
  leave_memory(task);
  if (task.actor && task.is_needed()) return fail_lost_actor(task);
  tell_lost(task);
}

void Lifecycle::drop_replicas(Task& task) {
  while (!task.holders.empty()) {
    Worker& worker = *task.holders.back().owner;
    dispatch_.free_key(worker, *task.key);
    Replicas::remove(task, worker);
    worker.held_bytes -= task.bytes;
    if (task.actor) --worker.actors;
  }
}

// ---- one task after the other

void Lifecycle::settle() {
  while (!to_settle_.empty() || !ready_.empty()) {
    while (!to_settle_.empty()) {
      Task& task = *to_settle_.back();
      to_settle_.pop_back();
      task.to_settle = false;
      if (!task.forgotten) settle(task);
    }
    place_ready();
  }
  dispatch_.fill_opened();
  dispatch_.tell_frees();
  tasks_.free_forgotten();
}

void Lifecycle::settle(Task& task) {
  const bool has_ended = task.state == TaskState::kMemory || task.state == TaskState::kErred;
  const bool is_over = task.state == TaskState::kReleased || task.state == TaskState::kErred;
  if (task.is_barrier && is_over) end_shuffle(task);
  if (task.lost_input && !has_ended) return abandon(task);
  if (task.failure != nullptr && !has_ended) return fail(task, task.failure);
  switch (task.state) {
    case TaskState::kReleased:
      return settle_released(task);
    case TaskState::kWaiting:
    case TaskState::kQueued:
    case TaskState::kProcessing:
      return settle_active(task);
    case TaskState::kMemory:
      return task.is_needed() ? void() : free_result(task);
    case TaskState::kErred:
      return task.wanted_by.empty() && task.dependents.empty() ? forget(task) : void();
  }
}

void Lifecycle::settle_released(Task& task) {
  if (!task.is_needed()) return task.dependents.empty() ? forget(task) : void();
  if (!task.computable) return abandon(task);
  for (const Edge& edge : task.dependencies) {
    if (edge.task->state == TaskState::kErred) return fail(task, edge.task->failure);
  }
  start_waiting(task);
}

void Lifecycle::start_waiting(Task& task) {
  tasks_.set_state(task, TaskState::kWaiting);
  task.missing = 0;
  for (const Edge& edge : task.dependencies) {
    Task& input = *edge.task;
    ++input.waiters;
    if (input.state == TaskState::kMemory) continue;
    ++task.missing;
    if (input.state == TaskState::kReleased) reconsider(input);
  }
  if (task.missing == 0) ready_.push_back({task.priority, &task});
}

void Lifecycle::settle_active(Task& task) {
  if (!task.is_needed()) {
    leave_active(task, Dispatch::Tell::kWorker);
    tasks_.set_state(task, TaskState::kReleased);
    reconsider(task);
  } else if (task.missing > 0) {
    dispatch_.withdraw(task, Dispatch::Tell::kWorker);
    tasks_.set_state(task, TaskState::kWaiting);
  } else if (task.state == TaskState::kWaiting) {
    ready_.push_back({task.priority, &task});
  }
}

// It needs its inputs no longer. What it is instead, the caller says.
void Lifecycle::leave_active(Task& task, Dispatch::Tell tell) {
  if (!task.is_active()) return;
  dispatch_.withdraw(task, tell);
  task.missing = 0;
  for (const Edge& edge : task.dependencies) {
    if (--edge.task->waiters == 0) reconsider(*edge.task);
  }
}

void Lifecycle::free_result(Task& task) {
  drop_replicas(task);
  leave_memory(task);
}

// In the order of priority, so that the queue is built from its end and windows are filled with the earliest.
void Lifecycle::place_ready() {
  std::sort(ready_.begin(), ready_.end(), [](const Ready& a, const Ready& b) {
    return a.priority != b.priority ? a.priority < b.priority : a.task->sequence < b.task->sequence;
  });
  for (const Ready& each : ready_) {
    Task& task = *each.task;
    if (!task.forgotten && task.state == TaskState::kWaiting && task.missing == 0) dispatch_.place(task);
  }
  ready_.clear();
}

// ---- clients

bool Lifecycle::release(Task& task, Client& client) {
  if (!Interests::remove(task, client)) return false;
  if (task.wanted_by.empty()) reconsider(task);
  return true;
}

// Who wanted it only to end has what they wanted.
void Lifecycle::release_completers(Task& task) {
  for (std::size_t i = task.wanted_by.size(); i-- > 0;) {
    if (task.wanted_by[i].owner->only_completes) release(task, *task.wanted_by[i].owner);
  }
}

void Lifecycle::tell_lost(const Task& task) {
  for (const Membership<Client>& client : task.wanted_by) {
    if (client.owner->is_connected) effects_.lost_data(client.owner->name, *task.key);
  }
}

void Lifecycle::tell_state(const Task& task, const Client& client) {
  if (!client.is_connected) return;
  if (task.state == TaskState::kMemory) {
    effects_.key_in_memory(client.name, *task.key, task.type ? task.type->pickled : Bytes());
  } else if (task.state == TaskState::kErred) {
    effects_.task_erred(client.name, *task.key, task.failure->exception, task.failure->traceback);
  }
}

}  // namespace trireme::launcher::dask::tasks
