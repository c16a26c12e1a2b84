// What is asked of the task scheduler.
#include "dask/tasks/state.h"

namespace trireme::launcher::dask {

using tasks::Task;
using tasks::Worker;

namespace {

std::vector<Key> keys_of(const auto& tasks) {
  std::vector<Key> keys;
  keys.reserve(tasks.size());
  for (const Task* task : tasks) keys.push_back(*task->key);
  return keys;
}

}  // namespace

std::vector<WorkerView> TaskScheduler::workers() const {
  std::vector<WorkerView> views;
  state_->workers.for_each([&](const Worker& worker) {
    views.push_back({.address = worker.address,
                     .name = worker.name,
                     .status = worker.status,
                     .threads = worker.threads,
                     .memory_limit = worker.memory_limit,
                     .processing = worker.sent.size() + worker.waiting_here(),
                     .in_memory = worker.held.size(),
                     .held_bytes = worker.held_bytes,
                     .occupancy = static_cast<double>(worker.occupancy_us()) * 1e-6});
  });
  return views;
}

bool TaskScheduler::has_worker(std::string_view address) const { return state_->workers.find(address) != nullptr; }

TaskCounts TaskScheduler::counts() const { return state_->tasks.counts(); }

std::vector<PrefixView> TaskScheduler::prefixes() const {
  std::vector<PrefixView> views;
  state_->tasks.prefixes().for_each([&](const tasks::Prefix& prefix) {
    if (prefix.tasks > 0) views.push_back({prefix.name, prefix.counts, prefix.seconds});
  });
  return views;
}

std::optional<TaskState> TaskScheduler::state_of(const Key& key) const {
  const Task* task = state_->tasks.find(key);
  return task == nullptr ? std::nullopt : std::optional(task->state);
}

std::vector<std::string> TaskScheduler::holders_of(const Key& key) const {
  std::vector<std::string> addresses;
  if (const Task* task = state_->tasks.find(key)) {
    for (const auto& holder : task->holders) addresses.push_back(holder.owner->address);
  }
  return addresses;
}

std::vector<Key> TaskScheduler::keys_in_memory() const {
  std::vector<Key> keys;
  state_->tasks.for_each([&](const Task& task) {
    if (task.state == TaskState::kMemory) keys.push_back(*task.key);
  });
  return keys;
}

std::vector<Key> TaskScheduler::keys_held_by(std::string_view worker) const {
  const Worker* found = state_->workers.find(worker);
  return found == nullptr ? std::vector<Key>() : keys_of(found->held);
}

std::vector<Key> TaskScheduler::keys_processing_on(std::string_view worker) const {
  const Worker* found = state_->workers.find(worker);
  if (found == nullptr) return {};
  std::vector<Key> keys = keys_of(found->sent);
  for (const auto* backlog : {&found->backlog, &found->constrained}) {
    for (const Task* task : *backlog) keys.push_back(*task->key);
  }
  return keys;
}

WorkAhead TaskScheduler::work_ahead_of(std::string_view worker) const {
  const Worker* found = state_->workers.find(worker);
  if (found == nullptr) return {};
  const auto threads = static_cast<double>(found->threads);
  return {static_cast<double>(found->in_window) / threads, static_cast<double>(found->in_window_us) * 1e-6 / threads};
}

bool TaskScheduler::has_idle_workers() const {
  const Worker* least = state_->dispatch.loads().least_loaded();
  return least != nullptr && least->in_window == 0;
}

std::int64_t TaskScheduler::bytes_of(const Key& key) const {
  const Task* task = state_->tasks.find(key);
  return task != nullptr && task->state == TaskState::kMemory ? task->bytes : 0;
}

std::string TaskScheduler::type_name_of(const Key& key) const {
  const Task* task = state_->tasks.find(key);
  return task != nullptr && task->type ? task->type->name : std::string();
}

std::string_view TaskScheduler::kind_of(const Key& key) const {
  const Task* task = state_->tasks.find(key);
  return task == nullptr ? std::string_view() : std::string_view(task->prefix->name);
}

Bytes TaskScheduler::run_spec_of(const Key& key) const {
  const Task* task = state_->tasks.find(key);
  return task == nullptr ? Bytes() : task->run_spec;
}

std::optional<Key> TaskScheduler::failed_first(const Key& key) const {
  const Task* task = state_->tasks.find(key);
  if (task == nullptr || task->state != TaskState::kErred) return std::nullopt;
  return task->failure->task;
}

std::pair<Opaque, Opaque> TaskScheduler::failure_of(const Key& key) const {
  const Task* task = state_->tasks.find(key);
  if (task == nullptr || task->state != TaskState::kErred) return {};
  return {task->failure->exception, task->failure->traceback};
}

}  // namespace trireme::launcher::dask
