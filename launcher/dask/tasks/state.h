#pragma once

#include <limits>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "dask/tasks/lifecycle.h"
#include "dask/tasks/shuffle_table.h"
#include "dask/tasks/task_scheduler.h"

namespace trireme::launcher::dask {

// What TaskScheduler is made of. Its events are in client_events.cc, graph_events.cc, worker_events.cc and
// task_events.cc: each states facts to `lifecycle` or `dispatch` and ends with settle().
class TaskScheduler::State {
 public:
  State(Effects& told, const PlacementSettings& chosen, ExceptionWriters writers)
      : effects(told), settings(chosen), exceptions(std::move(writers)) {}

  // Made where there is none: then it is only a name that holds keys.
  [[nodiscard]] tasks::Client& holder(const std::string& name);
  [[nodiscard]] tasks::Client* find_client(std::string_view name);
  // A holder that is only a name ends with its last key.
  void drop_if_idle(tasks::Client& client);
  void want(tasks::Task& task, tasks::Client& client);
  void add_shuffle(const ShuffleSpec& shuffle);
  // For the priority of a graph's tasks.
  [[nodiscard]] double next_generation(const Graph& graph, double now);

  void requeue_backlog(tasks::Worker& worker);
  // The worker ended a run of a task that it was sent; perhaps an older run.
  void finish_run(tasks::Task& task, tasks::Worker& worker, const TaskResult& result);

  Effects& effects;
  const PlacementSettings settings;
  const ExceptionWriters exceptions;
  tasks::TaskTable tasks{effects};
  tasks::WorkerTable workers;
  tasks::Dispatch dispatch{effects, settings, tasks, workers};
  tasks::ShuffleTable shuffles;
  tasks::Lifecycle lifecycle{effects, tasks, dispatch, shuffles, exceptions};
  std::map<std::string, tasks::Client, std::less<>> clients;

  double generation = 0;                                         // of graphs; later ones run later
  double last_graph = -std::numeric_limits<double>::infinity();  // when the generation began
};

}  // namespace trireme::launcher::dask
