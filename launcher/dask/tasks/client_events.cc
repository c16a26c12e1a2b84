// What clients say of keys.
#include <span>
#include <vector>

#include "dask/tasks/state.h"

namespace trireme::launcher::dask {

using tasks::Client;
using tasks::Edge;
using tasks::Task;

void TaskScheduler::add_client(const std::string& client) { state_->holder(client).is_connected = true; }

void TaskScheduler::remove_client(std::string_view client) {
  Client* gone = state_->find_client(client);
  if (gone == nullptr) return;
  gone->is_connected = false;
  while (!gone->wants.empty()) state_->lifecycle.release(*gone->wants.back(), *gone);
  state_->drop_if_idle(*gone);
  state_->lifecycle.settle();
}

void TaskScheduler::desire_keys(const std::string& holder, std::span<const Key> keys, double now) {
  state_->dispatch.set_time(now);
  Client& client = state_->holder(holder);
  for (const Key& key : keys) {
    if (Task* task = state_->tasks.find(key)) state_->want(*task, client);
  }
  state_->drop_if_idle(client);
  state_->lifecycle.settle();
}

void TaskScheduler::release_keys(std::string_view holder, std::span<const Key> keys, double now) {
  state_->dispatch.set_time(now);
  Client* client = state_->find_client(holder);
  if (client == nullptr) return;
  for (const Key& key : keys) {
    if (Task* task = state_->tasks.find(key)) state_->lifecycle.release(*task, *client);
  }
  state_->drop_if_idle(*client);
  state_->lifecycle.settle();
}

void TaskScheduler::cancel_keys(std::string_view client, std::span<const Key> keys, bool force, std::string_view reason,
                                double now) {
  state_->dispatch.set_time(now);
  Client* canceller = state_->find_client(client);
  if (canceller == nullptr) return;
  const auto may_cancel = [&](const Task& task) {
    if (force || task.wanted_by.empty()) return true;
    return task.wanted_by.size() == 1 && task.wanted_by.front().owner == canceller;
  };
  std::vector<Task*> reached;
  const std::uint32_t mark = state_->tasks.next_mark();
  const auto reach = [&](Task& task) {
    if (task.mark == mark || !may_cancel(task)) return;
    task.mark = mark;
    reached.push_back(&task);
  };
  for (const Key& key : keys) {
    Task* task = state_->tasks.find(key);
    if (task == nullptr) continue;
    reach(*task);
    if (task->mark != mark) state_->lifecycle.release(*task, *canceller);
  }
  std::vector<Key> cancelled;
  for (std::size_t i = 0; i < reached.size(); ++i) {
    Task& task = *reached[i];
    for (const Edge& edge : task.dependents) reach(*edge.task);
    if (!task.wanted_by.empty()) cancelled.push_back(*task.key);
    while (!task.wanted_by.empty()) state_->lifecycle.release(task, *task.wanted_by.back().owner);
  }
  if (!cancelled.empty()) {
    for (const auto& [name, each] : state_->clients) {
      if (each.is_connected) state_->effects.cancelled_keys(name, cancelled, reason);
    }
  }
  state_->lifecycle.settle();
}

void TaskScheduler::report_key(std::string_view client, const Key& key) {
  if (const Task* task = state_->tasks.find(key)) {
    if (const Client* known = state_->find_client(client)) state_->lifecycle.tell_state(*task, *known);
  } else {
    state_->effects.cancelled_keys(client, std::span(&key, 1), "already forgotten");
  }
}

std::vector<Key> TaskScheduler::retry(std::span<const Key> keys, double now) {
  state_->dispatch.set_time(now);
  std::vector<Task*> erred;
  const std::uint32_t mark = state_->tasks.next_mark();
  const auto reach = [&](Task& task) {
    if (task.state != TaskState::kErred || task.mark == mark) return false;
    task.mark = mark;
    erred.push_back(&task);
    return true;
  };
  for (const Key& key : keys) {
    if (Task* task = state_->tasks.find(key)) reach(*task);
  }
  std::vector<Key> set_back;
  std::vector<Task*> first;  // to fail
  for (std::size_t i = 0; i < erred.size(); ++i) {
    set_back.push_back(*erred[i]->key);
    bool has_erred_input = false;
    for (const Edge& edge : erred[i]->dependencies) {
      reach(*edge.task);
      has_erred_input |= edge.task->state == TaskState::kErred;
    }
    if (!has_erred_input) first.push_back(erred[i]);
  }
  for (Task* task : first) state_->lifecycle.reset(*task);
  state_->lifecycle.settle();
  return set_back;
}

void TaskScheduler::fail_keys(std::string_view client, std::span<const Key> keys, const Opaque& exception,
                              const Opaque& traceback) {
  for (const Key& key : keys) state_->effects.task_erred(client, key, exception, traceback);
}

void TaskScheduler::forget_everything(double now) {
  state_->dispatch.set_time(now);
  state_->workers.for_each([this](tasks::Worker& worker) {
    for (const auto* known : {&worker.sent, &worker.held}) {
      for (const Task* task : *known) state_->dispatch.free_key(worker, *task->key);
    }
    worker.held.clear();
    worker.held_bytes = 0;
  });
  state_->dispatch.clear();
  state_->dispatch.tell_frees();
  for (auto& [name, client] : state_->clients) client.wants.clear();
  std::erase_if(state_->clients, [](const auto& each) { return !each.second.is_connected; });
  state_->shuffles.clear();
  state_->tasks.clear();
}

}  // namespace trireme::launcher::dask
