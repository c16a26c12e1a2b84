#include "dask/tasks/invariants.h"

#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>

namespace trireme::launcher::dask::tasks {

namespace {

class Inspection {
 public:
  Inspection(const TaskTable& tasks, const WorkerTable& workers, const Dispatch& dispatch, const Clients& clients,
             const ShuffleTable& shuffles)
      : tasks_(tasks), workers_(workers), dispatch_(dispatch), clients_(clients), shuffles_(shuffles) {}

  std::vector<std::string> run() {
    tasks_.for_each([this](const Task& task) { inspect(task); });
    workers_.for_each([this](const Worker& worker) { inspect(worker); });
    for (const auto& [name, client] : clients_) inspect(client);
    inspect_counts();
    inspect_order_of_workers();
    return std::move(broken_);
  }

 private:
  void check(bool holds, const Task& task, std::string_view what) {
    if (!holds) broken_.push_back(fmt::format("task {} ({}): {}", readable(task), name_of(task.state), what));
  }
  void check(bool holds, const Worker& worker, std::string_view what) {
    if (!holds) broken_.push_back(fmt::format("worker {}: {}", worker.address, what));
  }
  void check(bool holds, std::string_view what) {
    if (!holds) broken_.emplace_back(what);
  }
  static std::string readable(const Task& task) {
    std::string text(task.key->packed());
    std::replace_if(
        text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; }, '.');
    return text;
  }

  void inspect(const Task& task) {
    check(!task.forgotten && !task.to_settle, task, "is known though it is forgotten, or was left unsettled");
    inspect_edges(task);
    inspect_relations(task);
    inspect_needs(task);
    inspect_place(task);
    inspect_shuffle(task);
  }

  void inspect_edges(const Task& task) {
    std::size_t missing = 0;
    for (std::size_t i = 0; i < task.dependencies.size(); ++i) {
      const Edge& edge = task.dependencies[i];
      const bool is_mutual = edge.slot < edge.task->dependents.size() &&
                             edge.task->dependents[edge.slot].task == &task &&
                             edge.task->dependents[edge.slot].slot == i;
      check(is_mutual, task, "is not listed by what it depends on");
      check(tasks_.find(*edge.task->key) == edge.task, task, "depends on a forgotten task");
      if (edge.task->state != TaskState::kMemory) ++missing;
    }
    std::size_t waiters = 0;
    for (const Edge& edge : task.dependents) {
      check(tasks_.find(*edge.task->key) == edge.task, task, "is needed by a forgotten task");
      if (edge.task->is_active()) ++waiters;
    }
    check(waiters == task.waiters, task, "miscounts the tasks that wait for it");
    check((task.is_active() ? missing : 0) == task.missing, task, "miscounts its missing inputs");
  }

  void inspect_relations(const Task& task) {
    check((task.state == TaskState::kMemory) == !task.holders.empty(), task,
          "is in memory, or not, against its holders");
    for (const Membership<Worker>& holder : task.holders) {
      check(workers_.find(holder.owner->address) == holder.owner, task, "is held by a worker that is gone");
      check(holder.slot < holder.owner->held.size() && holder.owner->held[holder.slot] == &task, task,
            "is not listed by a holder");
    }
    for (const Membership<Client>& client : task.wanted_by) {
      check(client.slot < client.owner->wants.size() && client.owner->wants[client.slot] == &task, task,
            "is not listed by a client that wants it");
    }
  }

  void inspect_needs(const Task& task) {
    if (task.state == TaskState::kReleased) {
      check(!task.is_needed(), task, "is needed and nothing is done for it");
      check(!task.dependents.empty(), task, "should be forgotten");
    }
    if (task.is_active() || task.state == TaskState::kMemory) check(task.is_needed(), task, "is kept for nobody");
    if (task.state == TaskState::kErred) {
      check(task.failure != nullptr, task, "has failed of nothing");
      check(!task.wanted_by.empty() || !task.dependents.empty(), task, "should be forgotten");
    } else {
      check(task.failure == nullptr, task, "has a failure");
    }
    if (task.is_active()) {
      check(task.computable && !task.lost_input, task, "cannot be computed");
      for (const Edge& edge : task.dependencies) {
        check(edge.task->state != TaskState::kErred, task, "waits for a task that has failed");
      }
    }
  }

  void inspect_place(const Task& task) {
    const bool is_processing = task.state == TaskState::kProcessing;
    const bool is_queued = task.state == TaskState::kQueued;
    if (task.state == TaskState::kWaiting) check(task.missing > 0, task, "waits for nothing");
    if (is_processing || is_queued) check(task.missing == 0, task, "lacks inputs");
    check(is_processing == (task.worker != nullptr), task, "has a worker, or none, against its state");
    check(dispatch_.queued().count(const_cast<Task*>(&task)) == (is_queued && !task.stranded), task,
          "and the queue differ");
    check(dispatch_.stranded().count(const_cast<Task*>(&task)) == (is_queued && task.stranded), task,
          "and the list of stranded tasks differ");
    if (!is_processing) {
      check(!task.sent && !task.started && !task.long_running && !task.steal_requested, task, "has marks of a run");
    }
    if (is_queued) {
      for (const Worker* worker : dispatch_.loads()) {
        const bool could_run =
            dispatch_.may_run(*worker, task) && (task.stranded || dispatch_.has_room_for_more(*worker));
        check(!could_run, task, "queues though a worker could run it");
      }
    }
  }

  void inspect_shuffle(const Task& task) {
    const Shuffle* shuffle = shuffles_.find(*task.key);
    check(task.is_barrier == (shuffle != nullptr), task, "is a barrier, or not, against the list of shuffles");
    const bool is_over = task.state == TaskState::kReleased || task.state == TaskState::kErred;
    check(!is_over || shuffle == nullptr || !shuffle->run, task, "is over and its shuffle is not");
    if (!task.computable || task.annotations->before_pin == nullptr) return;
    const bool is_awaited = std::any_of(task.dependencies.begin(), task.dependencies.end(), [&](const Edge& edge) {
      const Shuffle* awaited = shuffles_.find(*edge.task->key);
      return awaited != nullptr && awaited->run.has_value();
    });
    check(is_awaited, task, "is pinned by no shuffle");
  }

  void inspect(const Worker& worker) {
    inspect_window(worker);
    inspect_backlog(worker);
    std::int64_t bytes = 0;
    for (const Task* task : worker.held) {
      bytes += task->bytes;
      check(Replicas::has(*task, worker), worker, "lists a result it does not hold");
    }
    check(bytes == worker.held_bytes, worker, "miscounts the bytes it holds");
    check(worker.is_ranked == worker.is_running(), worker, "is in the order of workers, or not, against its status");
    check(worker.to_free.empty() && !worker.is_opened, worker, "was left with something to do");
    check(worker.is_running() || worker.waiting_here() == 0, worker, "has a backlog though it does not run");
  }

  void inspect_window(const Worker& worker) {
    std::int64_t in_window = 0;
    std::int64_t work_us = 0;
    std::map<std::string, double> used;
    for (std::size_t i = 0; i < worker.sent.size(); ++i) {
      const Task& task = *worker.sent[i];
      check(task.sent && task.worker == &worker && task.slot == i && task.run_id > 0, task, "is not where it was sent");
      in_window += task.long_running ? 0 : 1;
      work_us += task.expected_us;
      for (const auto& [resource, amount] : task.annotations->resources) used[resource] += amount;
    }
    check(in_window == worker.in_window, worker, "miscounts the tasks in its window");
    check(work_us == worker.in_window_us, worker, "miscounts the work in its window");
    check(static_cast<std::int64_t>(worker.sent.size()) - in_window == worker.long_running, worker,
          "miscounts its long-running tasks");
    for (const auto& [resource, share] : worker.resources) {
      check(std::abs(share.used - used[resource]) < 1e-6, worker, "miscounts a resource");
    }
  }

  void inspect_backlog(const Worker& worker) {
    std::int64_t work_us = 0;
    for (const TaskQueue* backlog : {&worker.backlog, &worker.constrained}) {
      for (const Task* task : *backlog) {
        check(!task->sent && task->worker == &worker, *task, "is in a backlog where it does not belong");
        work_us += task->expected_us;
      }
    }
    check(work_us == worker.backlog_us, worker, "miscounts its backlog");
    check(worker.backlog.empty() || !dispatch_.has_room_for_more(worker), worker, "has room and a backlog");
  }

  void inspect(const Client& client) {
    for (const Task* task : client.wants) {
      check(Interests::has(*task, client), *task, "is wanted by a client that it does not know");
      check(tasks_.find(*task->key) == task, *task, "is wanted though it is forgotten");
      const bool has_ended = task->state == TaskState::kMemory || task->state == TaskState::kErred;
      check(!client.only_completes || !has_ended, *task, "is kept for one who only wanted it to end");
    }
  }

  void inspect_counts() {
    TaskCounts counts;
    std::map<const Prefix*, TaskCounts> by_prefix;
    std::size_t steals = 0;
    std::size_t barriers = 0;
    tasks_.for_each([&](const Task& task) {
      ++counts.of(task.state);
      ++by_prefix[task.prefix].of(task.state);
      if (task.steal_requested) ++steals;
      if (task.is_barrier) ++barriers;
    });
    tasks_.prefixes().for_each([&](const Prefix& prefix) {
      if (prefix.counts != by_prefix[&prefix]) broken_.push_back("tasks of prefix " + prefix.name + " are miscounted");
    });
    check(counts == tasks_.counts(), "tasks by state are miscounted");
    check(steals == dispatch_.steals_in_flight(), "steals that are asked for are miscounted");
    check(barriers == shuffles_.size(), "there are shuffles without a barrier");
    std::size_t given = 0;
    workers_.for_each([&](const Worker& worker) { given += worker.sent.size() + worker.waiting_here(); });
    check(given == counts.processing, "tasks process on no worker");
  }

  void inspect_order_of_workers() {
    const Worker* before = nullptr;
    for (const Worker* worker : dispatch_.loads()) {
      check(worker->rank == dispatch_.rank_of(*worker), *worker, "is ranked by an old load");
      check(before == nullptr || !(worker->rank < before->rank), *worker, "is out of order");
      before = worker;
    }
  }

  const TaskTable& tasks_;
  const WorkerTable& workers_;
  const Dispatch& dispatch_;
  const Clients& clients_;
  const ShuffleTable& shuffles_;
  std::vector<std::string> broken_;
};

}  // namespace

std::vector<std::string> broken_invariants(const TaskTable& tasks, const WorkerTable& workers, const Dispatch& dispatch,
                                           const Clients& clients, const ShuffleTable& shuffles) {
  return Inspection(tasks, workers, dispatch, clients, shuffles).run();
}

}  // namespace trireme::launcher::dask::tasks
