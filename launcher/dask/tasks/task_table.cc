#include "dask/tasks/task_table.h"

namespace trireme::launcher::dask {

const char* name_of(TaskState state) {
  switch (state) {
    case TaskState::kReleased:
      return "released";
    case TaskState::kWaiting:
      return "waiting";
    case TaskState::kQueued:
      return "queued";
    case TaskState::kProcessing:
      return "processing";
    case TaskState::kMemory:
      return "memory";
    case TaskState::kErred:
      return "erred";
  }
  return "unknown";
}

std::size_t& TaskCounts::of(TaskState state) {
  switch (state) {
    case TaskState::kReleased:
      return released;
    case TaskState::kWaiting:
      return waiting;
    case TaskState::kQueued:
      return queued;
    case TaskState::kProcessing:
      return processing;
    case TaskState::kMemory:
      return memory;
    case TaskState::kErred:
      break;
  }
  return erred;
}

namespace tasks {

namespace {

constexpr std::size_t kMostTypes = 1024;  // remembered though no task has them

}  // namespace

Task* TaskTable::find(const Key& key) {
  const auto found = tasks_.find(key);
  return found == tasks_.end() ? nullptr : &found->second;
}

Task& TaskTable::find_or_create(const Key& key) {
  const auto [found, is_new] = tasks_.try_emplace(key);
  Task& task = found->second;
  if (!is_new) return task;
  task.key = &found->first;
  task.sequence = next_sequence_++;
  task.prefix = &prefixes_.add_task(key);
  ++counts_.released;
  ++task.prefix->counts.released;
  return task;
}

void TaskTable::set_state(Task& task, TaskState state) {
  if (task.state == state) return;
  --counts_.of(task.state);
  ++counts_.of(state);
  --task.prefix->counts.of(task.state);
  ++task.prefix->counts.of(state);
  const TaskState from = std::exchange(task.state, state);
  effects_.task_changed(*task.key, from, state);
}

void TaskTable::forget(Task& task) {
  --counts_.of(task.state);
  --task.prefix->counts.of(task.state);
  prefixes_.remove_task(*task.prefix);
  task.forgotten = true;
  effects_.task_forgotten(*task.key, task.state);
  forgotten_.push_back(tasks_.extract(tasks_.find(*task.key)));
}

void TaskTable::clear() {
  for (auto& [key, task] : tasks_) {
    --task.prefix->counts.of(task.state);
    prefixes_.remove_task(*task.prefix);
    effects_.task_forgotten(key, task.state);
  }
  tasks_.clear();
  forgotten_.clear();
  counts_ = {};
}

std::shared_ptr<const ResultType> TaskTable::result_type(const Bytes& pickled, std::string_view name) {
  if (last_type_ && last_type_->pickled.view() == pickled.view() && last_type_->name == name) return last_type_;
  return last_type_ = find_or_create_type(pickled, name);
}

std::shared_ptr<const ResultType> TaskTable::find_or_create_type(const Bytes& pickled, std::string_view name) {
  std::string id(pickled.view());
  id.append(name);
  if (const auto found = types_.find(id); found != types_.end()) return found->second;
  if (types_.size() >= kMostTypes) {
    std::erase_if(types_, [](const auto& each) { return each.second.use_count() == 1; });
  }
  // A copy: the bytes are a slice of a message that would live as long as the type.
  auto type = std::make_shared<const ResultType>(ResultType{Bytes(std::string(pickled.view())), std::string(name)});
  types_.emplace(std::move(id), type);
  return type;
}

std::uint32_t TaskTable::next_mark() {
  if (++mark_ == 0) {
    for (auto& [key, task] : tasks_) task.mark = 0;
    mark_ = 1;
  }
  return mark_;
}

}  // namespace tasks
}  // namespace trireme::launcher::dask
