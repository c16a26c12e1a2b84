// What workers say of the tasks they run, and of the data they hold.
#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "dask/tasks/state.h"

namespace trireme::launcher::dask {

using tasks::Dispatch;
using tasks::Failure;
using tasks::Task;
using tasks::Worker;

namespace {

constexpr std::int64_t kMostBytes = std::int64_t{1} << 50;  // of one result; sums of what peers say must not overflow

bool is_run_by(const Task& task, const Worker& worker) {
  return task.state == TaskState::kProcessing && task.worker == &worker && task.sent;
}

}  // namespace

void TaskScheduler::expect_news(std::string_view worker) const {
  if (const Worker* found = state_->workers.find(worker)) state_->dispatch.warm_up(*found);
}

void TaskScheduler::task_finished(std::string_view worker, const TaskResult& result, double now) {
  state_->dispatch.set_time(now);
  Worker* finisher = state_->workers.find(worker);
  if (finisher == nullptr) return;
  Task* task = state_->tasks.find(result.key);
  if (task != nullptr && is_run_by(*task, *finisher)) {
    state_->finish_run(*task, *finisher, result);
  } else if (task != nullptr && task->state == TaskState::kMemory && task->run_id == result.run_id) {
    state_->lifecycle.add_replica(*task, *finisher);
  } else if (task == nullptr || !tasks::Replicas::has(*task, *finisher)) {
    state_->dispatch.free_key(*finisher, result.key);
  }
  state_->lifecycle.settle();
}

// A worker that took up again what it had been told to drop answers with the run of before, and with that one only.
void TaskScheduler::State::finish_run(Task& task, Worker& worker, const TaskResult& result) {
  if (task.run_id != result.run_id) return lifecycle.requeue(task, Dispatch::Tell::kWorker);
  // What a long-running one kept its thread for was told when it left.
  const bool is_timed = result.started > 0 && result.stopped >= result.started && !task.long_running;
  if (is_timed) task.prefix->add_run(result.stopped - result.started);
  task.bytes = std::clamp<std::int64_t>(result.bytes, 0, kMostBytes);
  task.type = tasks.result_type(result.type, result.type_name);
  lifecycle.complete(task, worker);
}

void TaskScheduler::task_erred(std::string_view worker, const TaskFailure& failure, double now) {
  state_->dispatch.set_time(now);
  const Worker* runner = state_->workers.find(worker);
  Task* task = state_->tasks.find(failure.key);
  if (runner == nullptr || task == nullptr || !is_run_by(*task, *runner)) return;
  if (task->run_id != failure.run_id) {
    state_->lifecycle.requeue(*task, Dispatch::Tell::kWorker);
  } else if (task->retries > 0) {
    --task->retries;
    state_->lifecycle.requeue(*task, Dispatch::Tell::kWorker);
  } else {
    const Failure why{.exception = failure.exception, .traceback = failure.traceback, .task = failure.key};
    state_->lifecycle.fail(*task, std::make_shared<const Failure>(why));
  }
  state_->lifecycle.settle();
}

void TaskScheduler::task_long_running(std::string_view worker, const Key& key, std::int64_t run_id, double seconds,
                                      double now) {
  state_->dispatch.set_time(now);
  const Worker* runner = state_->workers.find(worker);
  Task* task = state_->tasks.find(key);
  if (runner == nullptr || task == nullptr || !is_run_by(*task, *runner) || task->run_id != run_id) return;
  if (std::isfinite(seconds) && seconds >= 0 && !task->long_running) task->prefix->add_run(seconds);
  state_->dispatch.set_long_running(*task);
  state_->lifecycle.settle();
}

void TaskScheduler::task_rescheduled(std::string_view worker, const Key& key, std::int64_t run_id, double now) {
  state_->dispatch.set_time(now);
  const Worker* runner = state_->workers.find(worker);
  Task* task = state_->tasks.find(key);
  if (runner == nullptr || task == nullptr || !is_run_by(*task, *runner)) return;
  if (run_id != 0 && task->run_id != run_id) return;
  state_->lifecycle.requeue(*task, Dispatch::Tell::kWorker);
  state_->lifecycle.settle();
}

void TaskScheduler::data_released(std::string_view worker, const Key& key, double now) {
  state_->dispatch.set_time(now);
  Worker* holder = state_->workers.find(worker);
  Task* task = state_->tasks.find(key);
  if (holder == nullptr || task == nullptr) return;
  state_->lifecycle.remove_replica(*task, *holder);
  state_->lifecycle.settle();
}

void TaskScheduler::data_added(std::string_view worker, std::span<const Key> keys, double now) {
  state_->dispatch.set_time(now);
  Worker* holder = state_->workers.find(worker);
  if (holder == nullptr) return;
  std::vector<Key> unknown;
  for (const Key& key : keys) {
    Task* task = state_->tasks.find(key);
    if (task != nullptr && task->state == TaskState::kMemory) {
      state_->lifecycle.add_replica(*task, *holder);
    } else {
      unknown.push_back(key);
    }
  }
  if (!unknown.empty()) state_->effects.remove_replicas(worker, unknown);
}

void TaskScheduler::who_has_requested(std::string_view worker, std::span<const Key> keys) {
  Worker* asker = state_->workers.find(worker);
  if (asker == nullptr) return;
  for (const Key& key : keys) {
    const Task* task = state_->tasks.find(key);
    if (task == nullptr) {
      state_->dispatch.free_key(*asker, key);
      continue;
    }
    std::vector<std::string_view> holders;
    for (const auto& holder : task->holders) holders.push_back(holder.owner->address);
    state_->effects.refresh_who_has(worker, key, holders);
  }
  state_->dispatch.tell_frees();
}

void TaskScheduler::data_scattered(std::string_view holder, const Key& key, std::int64_t bytes, const Bytes& type,
                                   std::span<const std::string> workers, double now) {
  state_->dispatch.set_time(now);
  Task& task = state_->tasks.find_or_create(key);
  if (task.holders.empty()) task.bytes = std::clamp<std::int64_t>(bytes, 0, kMostBytes);
  if (!type.empty()) task.type = state_->tasks.result_type(type, "");
  std::vector<Worker*> holders;
  for (const std::string& address : workers) {
    if (Worker* worker = state_->workers.find(address)) holders.push_back(worker);
  }
  tasks::Client& client = state_->holder(std::string(holder));
  const bool was_in_memory = task.state == TaskState::kMemory;
  if (!holder.empty()) tasks::Interests::add(task, client);
  state_->lifecycle.set_data(task, holders);
  if (was_in_memory) state_->lifecycle.tell_state(task, client);
  state_->lifecycle.settle();
  state_->drop_if_idle(client);
}

}  // namespace trireme::launcher::dask
