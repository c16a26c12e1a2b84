// Graphs that clients submit.
#include <algorithm>
#include <cmath>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "dask/tasks/state.h"

namespace trireme::launcher::dask {

using tasks::Client;
using tasks::Task;

namespace {

constexpr double kBeforeSubmitter = 0.01;  // of a generation: what a task submits runs before others like it

const std::shared_ptr<const Annotations>& no_annotations() {
  static const auto kNone = std::make_shared<const Annotations>();
  return kNone;
}

void adopt_spec(Task& task, const TaskSpec& spec, double generation) {
  task.computable = true;
  task.run_spec = spec.run_spec;
  task.annotations = spec.annotations ? spec.annotations : no_annotations();
  task.retries = task.annotations->retries;
  task.actor = spec.actor;
  const double wish = task.annotations->priority;
  task.priority = {.user = std::isnan(wish) ? 0 : -wish, .generation = generation, .order = spec.order};
}

// The tasks of a graph and of what they need, made where there were none. Nothing when one is not to be found.
class GraphTasks {
 public:
  GraphTasks(const Graph& graph, tasks::TaskTable& table) : graph_(graph), table_(table) {
    for (const TaskSpec& spec : graph.tasks) tasks_.push_back(&table.find_or_create(spec.key));
    for (const TaskSpec& spec : graph.tasks) {
      for (const Key& key : spec.dependencies) inputs_.push_back(table.find(key));
    }
    for (const Key& key : graph.wanted) wanted_.push_back(table.find(key));
  }

  [[nodiscard]] bool is_whole() const {
    return std::find(inputs_.begin(), inputs_.end(), nullptr) == inputs_.end() &&
           std::find(wanted_.begin(), wanted_.end(), nullptr) == wanted_.end();
  }
  [[nodiscard]] const std::vector<Task*>& tasks() const { return tasks_; }
  [[nodiscard]] const std::vector<Task*>& wanted() const { return wanted_; }

  // A task that can be computed already keeps what it was made of.
  void adopt(double generation) {
    auto input = inputs_.begin();
    for (std::size_t i = 0; i < tasks_.size(); ++i) {
      const TaskSpec& spec = graph_.tasks[i];
      const std::span inputs(input, spec.dependencies.size());
      input += static_cast<std::ptrdiff_t>(inputs.size());
      if (tasks_[i]->computable) continue;
      adopt_spec(*tasks_[i], spec, generation);
      connect_inputs(*tasks_[i], inputs);
    }
  }

 private:
  void connect_inputs(Task& task, std::span<Task* const> inputs) {
    task.dependencies.reserve(inputs.size());
    task.mark = table_.next_mark();
    for (Task* input : inputs) {
      if (std::exchange(input->mark, task.mark) != task.mark) connect(task, *input);
    }
  }

  const Graph& graph_;
  tasks::TaskTable& table_;
  std::vector<Task*> tasks_;   // as graph.tasks
  std::vector<Task*> inputs_;  // as the dependencies of all of them, in one row; null: not known
  std::vector<Task*> wanted_;  // as graph.wanted
};

}  // namespace

void TaskScheduler::update_graph(const Graph& graph, double now) {
  state_->dispatch.set_time(now);
  Client& client = state_->holder(graph.client);
  GraphTasks found(graph, state_->tasks);
  for (Task* task : found.tasks()) state_->lifecycle.reconsider(*task);
  if (found.is_whole()) {
    found.adopt(state_->next_generation(graph, now));
    for (const ShuffleSpec& shuffle : graph.shuffles) state_->add_shuffle(shuffle);
    for (Task* task : found.wanted()) state_->want(*task, client);
  } else {
    state_->effects.cancelled_keys(graph.client, graph.wanted, "lost dependencies");
    for (Task* task : found.wanted()) {
      if (task != nullptr) state_->lifecycle.release(*task, client);
    }
  }
  state_->drop_if_idle(client);
  state_->lifecycle.settle();
}

void TaskScheduler::State::add_shuffle(const ShuffleSpec& shuffle) {
  if (Task* barrier = tasks.find(shuffle.barrier)) shuffles.add(*barrier, shuffle);
}

// Graphs that follow each other closely are of one generation; what a running task submits comes before its own.
double TaskScheduler::State::next_generation(const Graph& graph, double now) {
  if (const Task* submitter = graph.submitting_task.empty() ? nullptr : tasks.find(graph.submitting_task)) {
    return submitter->priority.generation - kBeforeSubmitter;
  }
  if (graph.submitting_task.empty() && last_graph + graph.fifo_seconds < now) {
    last_graph = now;
    generation += 1;
  }
  return generation;
}

}  // namespace trireme::launcher::dask
