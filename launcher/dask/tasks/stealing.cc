// Tasks that were given to one worker and go to another.
//
// From a backlog they move without a word, when a worker with room asks for work. What was sent is the worker's: it is
// asked, and gives back what it has not begun.
#include <algorithm>

#include <fmt/format.h>

#include "dask/tasks/dispatch.h"

namespace trireme::launcher::dask::tasks {

namespace {

constexpr int kBacklogsConsidered = 4;          // the largest
constexpr int kMovesConsidered = 8;             // tasks of one, the first to run
constexpr std::size_t kThievesConsidered = 64;  // in one round, and as many victims

double busy_seconds(const Worker& worker) {
  return static_cast<double>(worker.in_window_us) * 1e-6 / static_cast<double>(worker.threads);
}

bool was_given_back(std::string_view state) { return state == "ready" || state == "constrained" || state == "waiting"; }

bool was_kept(std::string_view state) {
  return state == "memory" || state == "executing" || state == "long-running" || state == "cancelled" ||
         state == "resumed";
}

}  // namespace

// ---- from a backlog

// What the largest backlogs can spare for a worker that has too little; null when nothing is better off here.
Task* Dispatch::movable_to(Worker& thief) const {
  if (thief.in_window >= settings_.fewest_in_flight * thief.threads) return nullptr;
  int considered = 0;
  for (const auto& [size, victim] : backlogs_) {
    if (++considered > kBacklogsConsidered) break;
    if (victim == &thief) continue;
    for (const TaskQueue* backlog : {&victim->backlog, &victim->constrained}) {
      if (Task* task = first_better_at(thief, *victim, *backlog)) return task;
    }
  }
  return nullptr;
}

Task* Dispatch::first_better_at(const Worker& thief, const Worker& victim, const TaskQueue& backlog) const {
  int considered = 0;
  for (Task* task : backlog) {
    if (++considered > kMovesConsidered) break;
    if (is_better_at(thief, victim, *task)) return task;
  }
  return nullptr;
}

// A task that waits for resources gains by any worker that has them free.
bool Dispatch::is_better_at(const Worker& thief, const Worker& victim, const Task& task) const {
  if (!may_run(thief, task) || !has_free_resources(thief, *task.annotations, 0)) return false;
  if (!has_free_resources(victim, *task.annotations, 0)) return true;
  return is_worth_moving(start_seconds(without_inputs(victim)), start_seconds(candidate(thief, task)));
}

// ---- what was sent

void Dispatch::balance() {
  std::vector<Worker*> thieves;
  for (Worker* worker : loads_) {
    if (thieves.size() == kThievesConsidered || worker->rank.is_full) break;
    if (worker->in_window < worker->threads) thieves.push_back(worker);
  }
  std::vector<Worker*> victims;
  workers_.for_each([&](Worker& worker) {
    if (!worker.is_running()) return request_back(worker);
    if (!thieves.empty() && worker.in_window > worker.threads) victims.push_back(&worker);
  });
  if (!settings_.stealing || victims.empty()) return;
  std::sort(victims.begin(), victims.end(), [this](const Worker* a, const Worker* b) {
    return busy_seconds(*a) + now_ - a->last_news > busy_seconds(*b) + now_ - b->last_news;
  });
  if (victims.size() > kThievesConsidered) victims.resize(kThievesConsidered);
  for (Worker* thief : thieves) relieve(*thief, victims);
}

// A worker that is paused or about to leave may never run what it was sent.
void Dispatch::request_back(Worker& worker) {
  if (loads_.size() == 0) return;
  for (Task* task : worker.sent) {
    if (!task->started && !task->long_running && !task->steal_requested) request_steal(*task);
  }
}

// One task for each thread that has nothing to do.
void Dispatch::relieve(Worker& thief, const std::vector<Worker*>& victims) {
  std::int64_t idle = thief.threads - thief.in_window;
  for (const Worker* victim : victims) {
    while (idle > 0) {
      Task* task = last_waiting(*victim, thief);
      if (task == nullptr) break;
      request_steal(*task);
      --idle;
    }
  }
}

// The task that the victim would begin last; null when none of them gains.
Task* Dispatch::last_waiting(const Worker& victim, const Worker& thief) const {
  Task* last = nullptr;
  std::int64_t asked = 0;
  for (Task* task : victim.sent) {
    if (task->steal_requested) ++asked;
    if (task->started || task->long_running || task->steal_requested || task->actor) continue;
    if (last != nullptr && !RunsEarlier()(last, task)) continue;
    if (may_run(thief, *task)) last = task;
  }
  if (last == nullptr || victim.in_window - asked <= victim.threads) return nullptr;
  const double start_there = start_seconds(candidate(thief, *last));
  const bool gains =
      is_worth_stealing(busy_seconds(victim), now_ - victim.last_news, last->prefix->expected_seconds(), start_there);
  return gains ? last : nullptr;
}

void Dispatch::request_steal(Task& task) {
  task.steal_requested = true;
  std::string& stimulus = steals_[&task];
  stimulus = fmt::format("steal-{}", next_steal_++);
  effects_.request_steal(task.worker->address, *task.key, stimulus);
}

void Dispatch::steal_answered(Task& task, const Worker& worker, std::string_view state, std::string_view stimulus) {
  const auto asked = steals_.find(&task);
  if (asked == steals_.end() || asked->second != stimulus || task.worker != &worker) return;
  if (was_kept(state)) {
    // Not to be asked for again.
    task.started = true;
    task.steal_requested = false;
    steals_.erase(asked);
    return;
  }
  withdraw(task, was_given_back(state) ? Tell::kNobody : Tell::kWorker);
  tasks_.set_state(task, TaskState::kWaiting);
  place(task, &worker);
}

}  // namespace trireme::launcher::dask::tasks
