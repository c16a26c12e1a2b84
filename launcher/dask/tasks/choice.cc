// Which worker a ready task is given.
#include <algorithm>
#include <tuple>
#include <utility>

#include "dask/tasks/dispatch.h"

namespace trireme::launcher::dask::tasks {

namespace {

constexpr std::size_t kRootInputs = 5;            // a task with more inputs is no root
constexpr std::int64_t kDependentsPerThread = 2;  // with more of them, data is everybody's
constexpr std::size_t kEverywhere = 32;           // holders: data that so many have costs nothing to move
constexpr std::size_t kLeastLoaded = 2;           // candidates beside those with inputs
constexpr std::size_t kResourceful = 4;           // the same, of those with the resources asked for

bool is_meant(const Worker& worker, const std::string& text) {
  if (worker.address == text || worker.name == text || worker.host == text) return true;
  const std::string_view address = worker.address;
  const std::size_t scheme = address.find("://");
  return scheme != std::string_view::npos && address.substr(scheme + 3) == text;
}

}  // namespace

// Nothing is gained by running it near its inputs: it has none, or a few that far more tasks need than run at a time.
bool Dispatch::is_root_like(const Task& task) const {
  if (task.is_restricted() || task.actor || task.dependencies.size() > kRootInputs) return false;
  const auto shared = static_cast<std::size_t>(kDependentsPerThread * workers_.total_threads());
  return std::all_of(task.dependencies.begin(), task.dependencies.end(),
                     [&](const Edge& edge) { return edge.task->dependents.size() > shared; });
}

bool Dispatch::may_run(const Worker& worker, const Task& task) const {
  if (!worker.is_running()) return false;
  if (!task.is_restricted()) return true;
  const Annotations& wishes = *task.annotations;
  if (!has_resources(worker, wishes)) return false;
  return wishes.workers.empty() || wishes.allow_other_workers ||
         std::any_of(wishes.workers.begin(), wishes.workers.end(),
                     [&](const std::string& text) { return is_meant(worker, text); });
}

double Dispatch::bandwidth_of(const Worker& worker) const {
  return worker.bandwidth > 0 ? worker.bandwidth : settings_.bandwidth;
}

double Dispatch::memory_used(const Worker& worker) const {
  return worker.memory_limit > 0 ? static_cast<double>(worker.memory) / static_cast<double>(worker.memory_limit) : 0;
}

// Null when nobody may run it now.
Worker* Dispatch::choose(const Task& task, const Worker* avoid) {
  candidates_.clear();
  ++choice_;
  weigh_inputs(task);
  if (task.is_restricted() && collect_wished(task)) return best_candidate(task, avoid);
  collect_holders(task);
  // Actors stay for long, so they are spread by their number over all.
  collect_least_loaded(task, task.actor ? loads_.size() : task.is_restricted() ? kResourceful : kLeastLoaded);
  return best_candidate(task, avoid);
}

// One pass over all inputs and holders says what each worker has; what is missing elsewhere is the rest.
void Dispatch::weigh_inputs(const Task& task) {
  input_bytes_ = 0;
  inputs_to_move_ = 0;
  for (const Edge& edge : task.dependencies) {
    const Task& input = *edge.task;
    if (input.holders.size() >= kEverywhere) continue;
    input_bytes_ += input.bytes;
    ++inputs_to_move_;
    for (const Membership<Worker>& holder : input.holders) {
      LocalInputs& local = holder.owner->local_inputs;
      if (std::exchange(local.choice, choice_) != choice_) local.bytes = local.count = 0;
      local.bytes += input.bytes;
      ++local.count;
    }
  }
}

void Dispatch::add_candidate(Worker& worker) {
  if (std::exchange(worker.candidate_of, choice_) != choice_) candidates_.push_back(&worker);
}

void Dispatch::collect_holders(const Task& task) {
  for (const Edge& edge : task.dependencies) {
    if (edge.task->holders.size() >= kEverywhere) continue;
    for (const Membership<Worker>& holder : edge.task->holders) {
      if (may_run(*holder.owner, task)) add_candidate(*holder.owner);
    }
  }
}

void Dispatch::collect_least_loaded(const Task& task, std::size_t count) {
  for (Worker* worker : loads_) {
    if (count == 0) return;
    if (!may_run(*worker, task)) continue;
    add_candidate(*worker);
    --count;
  }
}

// The workers that were named, as far as they can run it. False when any other will do: none was named, or none is
// there and it was but a wish.
bool Dispatch::collect_wished(const Task& task) {
  const Annotations& wishes = *task.annotations;
  for (const std::string& text : wishes.workers) {
    for (Worker* worker : workers_.meant_by(text)) {
      if (worker->is_running() && has_resources(*worker, wishes)) add_candidate(*worker);
    }
  }
  return !candidates_.empty() || (!wishes.workers.empty() && !wishes.allow_other_workers);
}

Candidate Dispatch::without_inputs(const Worker& worker) const {
  return {.work_us = worker.occupancy_us(),
          .threads = worker.threads,
          .bandwidth = bandwidth_of(worker),
          .memory_used = memory_used(worker)};
}

Candidate Dispatch::weighed(const Worker& worker) const {
  Candidate result = without_inputs(worker);
  const bool has_some = worker.local_inputs.choice == choice_;
  result.missing_bytes = input_bytes_ - (has_some ? worker.local_inputs.bytes : 0);
  result.missing_inputs = inputs_to_move_ - (has_some ? worker.local_inputs.count : 0);
  return result;
}

Candidate Dispatch::candidate(const Worker& worker, const Task& task) const {
  Candidate result = without_inputs(worker);
  for (const Edge& edge : task.dependencies) {
    const Task& input = *edge.task;
    if (input.holders.size() >= kEverywhere || Replicas::has(input, worker)) continue;
    result.missing_bytes += input.bytes;
    ++result.missing_inputs;
  }
  return result;
}

Worker* Dispatch::best_candidate(const Task& task, const Worker* avoid) const {
  Worker* best = nullptr;
  std::tuple<bool, std::int64_t, double, std::uint64_t> best_cost;
  for (Worker* worker : candidates_) {
    const std::tuple cost(worker == avoid, task.actor ? worker->actors : 0, start_seconds(weighed(*worker)),
                          worker->last_given);
    if (best != nullptr && !(cost < best_cost)) continue;
    best = worker;
    best_cost = cost;
  }
  return best;
}

// The least loaded worker with room; null when all are full, or when others queue for the room.
Worker* Dispatch::open_worker(const Worker* avoid) const {
  if (!queued_.empty()) return nullptr;
  Worker* open = nullptr;
  for (Worker* worker : loads_) {
    if (worker->rank.is_full) break;
    open = worker;
    if (open != avoid) break;
  }
  return open;
}

}  // namespace trireme::launcher::dask::tasks
