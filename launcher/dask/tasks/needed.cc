// What keys need, counted.
#include "dask/tasks/needed.h"

#include <unordered_map>
#include <utility>
#include <vector>

#include "dask/tasks/state.h"

namespace trireme::launcher::dask {

using tasks::Edge;
using tasks::Prefix;
using tasks::Task;

namespace {

class NeedCounter {
 public:
  NeedCounter(Counted counted, std::uint32_t mark) : counted_(counted), mark_(mark) {}

  void add_given(Task& task) {
    if (task.mark == mark_) return;
    if (counted_ == Counted::kUnfinishedAndGiven && task.state == TaskState::kMemory) count(task);
    reach(task);
  }
  [[nodiscard]] NeededTasks finish() {
    while (!unseen_.empty()) {
      const Task& task = *unseen_.back();
      unseen_.pop_back();
      look_at(task);
    }
    for (const auto& [prefix, tasks] : by_prefix_) needed_.kinds[prefix->name] += tasks;
    return std::move(needed_);
  }

 private:
  void reach(Task& task) {
    if (std::exchange(task.mark, mark_) != mark_) unseen_.push_back(&task);
  }
  void look_at(const Task& task) {
    if (task.state == TaskState::kErred) needed_.failed = *task.key;
    if (task.state == TaskState::kMemory && counted_ != Counted::kAll) return;
    count(task);
    for (const Edge& edge : task.dependencies) reach(*edge.task);
  }
  void count(const Task& task) {
    ++needed_.total;
    ++by_prefix_[task.prefix];
  }

  Counted counted_;
  std::uint32_t mark_;
  std::vector<Task*> unseen_;
  std::unordered_map<const Prefix*, std::size_t> by_prefix_;
  NeededTasks needed_;
};

}  // namespace

NeededTasks TaskScheduler::needed_by(std::span<const Key> keys, Counted counted) const {
  NeedCounter counter(counted, state_->tasks.next_mark());
  std::optional<Key> unknown;
  for (const Key& key : keys) {
    if (Task* task = state_->tasks.find(key)) {
      counter.add_given(*task);
    } else {
      unknown = key;
    }
  }
  NeededTasks needed = counter.finish();
  needed.unknown = std::move(unknown);
  return needed;
}

}  // namespace trireme::launcher::dask
