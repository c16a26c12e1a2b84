#include "dask/tasks/task_scheduler.h"

#include <utility>

#include "dask/tasks/invariants.h"
#include "dask/tasks/state.h"

namespace trireme::launcher::dask {

TaskScheduler::TaskScheduler(Effects& effects, PlacementSettings settings, ExceptionWriters exceptions)
    : state_(std::make_unique<State>(effects, settings, std::move(exceptions))) {}

TaskScheduler::~TaskScheduler() = default;

tasks::Client& TaskScheduler::State::holder(const std::string& name) {
  constexpr std::string_view kFireAndForget = "fire-and-forget";
  const auto [found, is_new] = clients.try_emplace(name);
  if (is_new) {
    found->second.name = name;
    found->second.only_completes = name == kFireAndForget;
  }
  return found->second;
}

tasks::Client* TaskScheduler::State::find_client(std::string_view name) {
  const auto found = clients.find(name);
  return found == clients.end() ? nullptr : &found->second;
}

void TaskScheduler::State::drop_if_idle(tasks::Client& client) {
  if (!client.is_connected && client.wants.empty()) clients.erase(clients.find(client.name));
}

void TaskScheduler::State::want(tasks::Task& task, tasks::Client& client) {
  tasks::Interests::add(task, client);
  lifecycle.reconsider(task);
  lifecycle.tell_state(task, client);
  const bool has_ended = task.state == TaskState::kMemory || task.state == TaskState::kErred;
  if (client.only_completes && has_ended) lifecycle.release(task, client);
}

std::vector<std::string> TaskScheduler::broken_invariants() const {
  return tasks::broken_invariants(state_->tasks, state_->workers, state_->dispatch, state_->clients, state_->shuffles);
}

}  // namespace trireme::launcher::dask
