#pragma once

#include <memory>
#include <span>
#include <vector>

#include "dask/tasks/client_record.h"
#include "dask/tasks/dispatch.h"
#include "dask/tasks/exceptions.h"
#include "dask/tasks/shuffle_table.h"

namespace trireme::launcher::dask::tasks {

// Moves tasks from state to state.
//
// Events change facts: a client wants a key, a result arrived, a replica is gone, a task failed. Each change names the
// tasks it may concern, and settle() then looks at one after the other until every task is where the facts put it:
//
//   needed (wanted by a client, or by a dependent that is not done)   released -> waiting -> placed by Dispatch
//   not needed                                                        back to released, its result freed
//   not needed, nothing depends on it                                 forgotten
//   something it needs has failed                                     erred, with that failure
//   the barrier of a shuffle, done with or failed                      the shuffle's run ends
//   something it needs was forgotten                                  cancelled and forgotten, unless it has its result
//
// Work is done from lists, never by recursion: graphs are as deep as people make them.
class Lifecycle {
 public:
  Lifecycle(Effects& effects, TaskTable& tasks, Dispatch& dispatch, ShuffleTable& shuffles,
            const ExceptionWriters& exceptions)
      : effects_(effects), tasks_(tasks), dispatch_(dispatch), shuffles_(shuffles), exceptions_(exceptions) {}

  // ---- facts; settle() draws the consequences
  void reconsider(Task& task);
  // Its result is on the worker. The task is active.
  void complete(Task& task, Worker& worker);
  // The same for data from outside, in any state, on several workers.
  void set_data(Task& task, std::span<Worker* const> workers);
  void add_replica(Task& task, Worker& worker);
  // The last replica of what is needed makes the task run again.
  void remove_replica(Task& task, Worker& worker);
  // The task is active, or an actor that lost its worker.
  void fail(Task& task, std::shared_ptr<const Failure> failure);
  // `worker` died, as more than `allowed` did before while they may have run the task, which is active.
  void fail_killed(Task& task, const Worker& worker, std::uint32_t allowed);
  // A queued or processing task that is to be placed anew.
  void requeue(Task& task, Dispatch::Tell tell);
  // An erred task, and those that are erred because of it, may run again.
  void reset(Task& task);
  // False where the client did not want it.
  bool release(Task& task, Client& client);

  // ---- shuffles (shuffles.cc)
  // What was sent in the run is lost: transfers and barrier run again.
  void restart_shuffle(Task& barrier);
  // An output task of a run may run on this worker only.
  void pin(Task& task, const std::string& worker);

  // Until nothing is left to do: afterwards the invariants hold.
  void settle();

  // ---- telling
  void tell_state(const Task& task, const Client& client);

 private:
  struct Ready {
    Priority priority;
    Task* task;
  };

  void settle(Task& task);
  void settle_released(Task& task);
  void settle_active(Task& task);
  void start_waiting(Task& task);
  void leave_active(Task& task, Dispatch::Tell tell);
  void free_result(Task& task);
  void drop_replicas(Task& task);
  void fail_lost_actor(Task& task);
  void abandon(Task& task);
  void forget(Task& task);
  void place_ready();
  void enter_memory(Task& task);
  void leave_memory(Task& task);
  void release_completers(Task& task);
  void tell_lost(const Task& task);
  void end_shuffle(Task& barrier);
  void make_again(Task& task);
  void unpin(Task& task);
  void annotate(Task& task, std::shared_ptr<const Annotations> annotations);

  Effects& effects_;
  TaskTable& tasks_;
  Dispatch& dispatch_;
  ShuffleTable& shuffles_;
  const ExceptionWriters& exceptions_;
  std::vector<Task*> to_settle_;
  std::vector<Ready> ready_;
};

}  // namespace trireme::launcher::dask::tasks
