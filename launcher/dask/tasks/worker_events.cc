// Workers that come, change and go.
#include <cmath>
#include <vector>

#include "dask/tasks/state.h"

namespace trireme::launcher::dask {

using tasks::Dispatch;
using tasks::Task;
using tasks::TaskQueue;
using tasks::Worker;

void TaskScheduler::add_worker(const WorkerInfo& worker, double now) {
  state_->dispatch.set_time(now);
  Worker* added = state_->workers.add(worker);
  if (added != nullptr) added->last_news = now;
}

void TaskScheduler::remove_worker(std::string_view address, bool expected, double now) {
  state_->dispatch.set_time(now);
  Worker* gone = state_->workers.find(address);
  if (gone == nullptr) return;
  gone->status = WorkerStatus::kClosing;
  state_->dispatch.stop(*gone);
  state_->requeue_backlog(*gone);
  while (!gone->sent.empty()) {
    Task& task = *gone->sent.back();
    state_->lifecycle.requeue(task, Dispatch::Tell::kNobody);
    const std::uint32_t allowed = state_->settings.allowed_failures;
    if (!expected && ++task.suspicious > allowed) state_->lifecycle.fail_killed(task, *gone, allowed);
  }
  while (!gone->held.empty()) state_->lifecycle.remove_replica(*gone->held.back(), *gone);
  for (const Key& barrier : state_->shuffles.joined_by(address)) {
    state_->lifecycle.restart_shuffle(*state_->tasks.find(barrier));
  }
  state_->workers.for_each([&](const Worker& other) {
    if (&other != gone) state_->effects.tell_worker_gone(other.address, gone->address);
  });
  state_->dispatch.remove(*gone);
  state_->workers.remove(*gone);
  state_->lifecycle.settle();
}

void TaskScheduler::set_worker_status(std::string_view address, WorkerStatus status, double now) {
  state_->dispatch.set_time(now);
  Worker* worker = state_->workers.find(address);
  if (worker == nullptr || worker->status == status) return;
  const bool was_running = worker->is_running();
  worker->status = status;
  if (worker->is_running()) {
    state_->dispatch.start(*worker);
  } else if (was_running) {
    state_->dispatch.stop(*worker);
    state_->requeue_backlog(*worker);
  }
  state_->lifecycle.settle();
}

void TaskScheduler::set_worker_resources(std::string_view address, const std::map<std::string, double>& resources,
                                         double now) {
  state_->dispatch.set_time(now);
  Worker* worker = state_->workers.find(address);
  if (worker == nullptr) return;
  for (auto& [resource, share] : worker->resources) share.supply = 0;
  for (const auto& [resource, supply] : resources) worker->resources[resource].supply = supply;
  const std::vector<Task*> constrained(worker->constrained.begin(), worker->constrained.end());
  for (Task* task : constrained) state_->lifecycle.requeue(*task, Dispatch::Tell::kNobody);
  state_->dispatch.resources_changed(*worker);
  state_->lifecycle.settle();
}

void TaskScheduler::update_load(std::string_view address, const WorkerLoad& load, double now) {
  state_->dispatch.set_time(now);
  Worker* worker = state_->workers.find(address);
  if (worker == nullptr) return;
  worker->memory = load.memory;
  if (std::isfinite(load.bandwidth) && load.bandwidth > 0) worker->bandwidth = load.bandwidth;
  for (const Key& key : load.executing) {
    Task* task = state_->tasks.find(key);
    if (task != nullptr && task->worker == worker && task->sent) task->started = true;
  }
  state_->dispatch.load_changed(*worker);
}

void TaskScheduler::steal_answered(std::string_view worker, const Key& key, std::string_view state,
                                   std::string_view stimulus, double now) {
  state_->dispatch.set_time(now);
  const Worker* victim = state_->workers.find(worker);
  Task* task = state_->tasks.find(key);
  if (victim == nullptr || task == nullptr) return;
  state_->dispatch.steal_answered(*task, *victim, state, stimulus);
  state_->lifecycle.settle();
}

void TaskScheduler::tick(double now) {
  state_->dispatch.set_time(now);
  state_->dispatch.balance();
  state_->lifecycle.settle();
}

void TaskScheduler::State::requeue_backlog(Worker& worker) {
  for (const TaskQueue* backlog : {&worker.backlog, &worker.constrained}) {
    while (!backlog->empty()) lifecycle.requeue(**backlog->begin(), Dispatch::Tell::kNobody);
  }
}

}  // namespace trireme::launcher::dask
