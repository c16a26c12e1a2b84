#pragma once

#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "dask/tasks/effects.h"
#include "dask/tasks/prefix_statistics.h"
#include "dask/tasks/task_record.h"
#include "dask/tasks/task_scheduler.h"

namespace trireme::launcher::dask::tasks {

// All tasks by key, how many are in which state, and what is known of their kinds.
class TaskTable {
 public:
  explicit TaskTable(Effects& effects) : effects_(effects) {}

  [[nodiscard]] Task* find(const Key& key);
  [[nodiscard]] const Task* find(const Key& key) const { return const_cast<TaskTable*>(this)->find(key); }
  // Makes a released task, with nothing known but its key, where there is none.
  Task& find_or_create(const Key& key);

  void set_state(Task& task, TaskState state);
  // Takes a task without edges, holders and clients out. It stays readable, as `forgotten`, until free_forgotten().
  void forget(Task& task);
  void free_forgotten() { forgotten_.clear(); }
  void clear();

  // The record that all results of one type share.
  [[nodiscard]] std::shared_ptr<const ResultType> result_type(const Bytes& pickled, std::string_view name);
  // A new mark for Task::mark, which no task bears.
  [[nodiscard]] std::uint32_t next_mark();

  [[nodiscard]] const TaskCounts& counts() const { return counts_; }
  [[nodiscard]] const PrefixTable& prefixes() const { return prefixes_; }
  [[nodiscard]] std::size_t size() const { return tasks_.size(); }
  template <class Visit>
  void for_each(Visit visit) const {
    for (const auto& [key, task] : tasks_) visit(task);
  }

 private:
  using Tasks = std::unordered_map<Key, Task, KeyHash, KeyEqual>;

  [[nodiscard]] std::shared_ptr<const ResultType> find_or_create_type(const Bytes& pickled, std::string_view name);

  Effects& effects_;
  Tasks tasks_;
  std::vector<Tasks::node_type> forgotten_;
  PrefixTable prefixes_;
  TaskCounts counts_;
  std::unordered_map<std::string, std::shared_ptr<const ResultType>> types_;
  std::shared_ptr<const ResultType> last_type_;  // most often the next one too
  std::uint64_t next_sequence_ = 0;
  std::uint32_t mark_ = 0;
};

}  // namespace trireme::launcher::dask::tasks
