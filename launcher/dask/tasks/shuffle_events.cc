// What workers ask of P2P shuffles they take part in.
#include <algorithm>
#include <string>
#include <vector>

#include "dask/tasks/state.h"

namespace trireme::launcher::dask {

using tasks::Edge;
using tasks::Task;
using tasks::Worker;

namespace {

bool has_input(const Task& task, const Key& key) {
  return std::any_of(task.dependencies.begin(), task.dependencies.end(),
                     [&](const Edge& edge) { return *edge.task->key == key; });
}

}  // namespace

const Shuffle* TaskScheduler::find_shuffle(const Key& barrier) const { return state_->shuffles.find(barrier); }

const Shuffle* TaskScheduler::join_shuffle(const Key& barrier, std::string_view worker) {
  Shuffle* shuffle = state_->shuffles.find(barrier);
  if (shuffle == nullptr || !shuffle->run || !has_worker(worker)) return nullptr;
  shuffle->run->participants.emplace(worker);
  return shuffle;
}

const Shuffle* TaskScheduler::begin_shuffle(const Key& barrier, std::string_view worker, const Key& transfer) {
  if (const Shuffle* begun = join_shuffle(barrier, worker)) return begun;
  Shuffle* shuffle = state_->shuffles.find(barrier);
  const Task* asking = state_->tasks.find(transfer);
  if (shuffle == nullptr || !has_worker(worker)) return nullptr;
  if (asking == nullptr || asking->state != TaskState::kProcessing) return nullptr;
  const Task& task = *state_->tasks.find(barrier);
  if (task.state == TaskState::kReleased || task.state == TaskState::kErred) return nullptr;
  std::vector<std::string> workers;
  state_->workers.for_each([&](const Worker& each) {
    if (state_->dispatch.may_run(each, task)) workers.push_back(each.address);
  });
  if (workers.empty()) workers.emplace_back(worker);
  state_->shuffles.begin_run(*shuffle, task, workers);
  return join_shuffle(barrier, worker);
}

bool TaskScheduler::pin_output(const Key& barrier, std::int64_t run, const Key& output, const std::string& worker,
                               double now) {
  state_->dispatch.set_time(now);
  const Shuffle* shuffle = state_->shuffles.find(barrier);
  Task* task = state_->tasks.find(output);
  if (shuffle == nullptr || !shuffle->run || shuffle->run->number != run) return false;
  if (task == nullptr || !has_input(*task, barrier)) return false;
  state_->lifecycle.pin(*task, worker);
  state_->lifecycle.settle();
  return true;
}

void TaskScheduler::restart_shuffle(const Key& barrier, std::int64_t run, double now) {
  state_->dispatch.set_time(now);
  const Shuffle* shuffle = state_->shuffles.find(barrier);
  if (shuffle == nullptr || !shuffle->run || shuffle->run->number != run) return;
  state_->lifecycle.restart_shuffle(*state_->tasks.find(barrier));
  state_->lifecycle.settle();
}

}  // namespace trireme::launcher::dask
