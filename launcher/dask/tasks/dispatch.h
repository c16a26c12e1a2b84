#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "dask/tasks/effects.h"
#include "dask/tasks/load_index.h"
#include "dask/tasks/placement.h"
#include "dask/tasks/task_table.h"
#include "dask/tasks/window.h"
#include "dask/tasks/worker_table.h"

namespace trireme::launcher::dask::tasks {

// Gives ready tasks to workers, ahead of time but not too far, and takes them back.
//
// A ready task is in one of four places. *Queued*: any worker would do and none has room. *Stranded* (also queued to
// the outside): no running worker may run it. In a worker's *backlog*: it is to run there, most often because its
// inputs are there, and the worker's window is full; the worker does not know of it, so it can move for nothing.
// *Sent*. Room that opens in a worker during an event is used at the end of it, by fill_opened(), once all tasks that
// became ready are placed.
class Dispatch {
 public:
  Dispatch(Effects& effects, const PlacementSettings& settings, TaskTable& tasks, WorkerTable& workers)
      : effects_(effects), settings_(settings), tasks_(tasks), workers_(workers) {}

  void set_time(double now) { now_ = now; }

  // ---- tasks
  // A waiting task with all its inputs in memory. `avoid` is given it only where nobody else would do.
  void place(Task& task, const Worker* avoid = nullptr);
  enum class Tell { kWorker, kNobody };
  // Takes a task back from wherever it is; its state is for the caller to change. A worker that was sent it is told to
  // drop it, unless it has done so.
  void withdraw(Task& task, Tell tell);
  // It left the worker's threads: they have room for others.
  void set_long_running(Task& task);
  // Brings what the worker has, and what it may get next, nearer to the processor.
  void warm_up(const Worker& worker) const;
  // Told at the end of the event, or before the worker is told to compute anything.
  void free_key(Worker& worker, const Key& key);

  // ---- workers
  // It runs from now on: tasks that only waited for such a worker get it.
  void start(Worker& worker);
  // It gets nothing more. Its backlog is for the caller to place again.
  void stop(Worker& worker);
  // No trace of it is left here. It is stopped and has no tasks.
  void remove(Worker& worker);
  void resources_changed(Worker& worker);
  // Its memory or bandwidth changed.
  void load_changed(Worker& worker) { refresh(worker); }

  // ---- time
  void fill_opened();
  void tell_frees();
  // Asks for tasks back that wait on busy workers while others have nothing to do, and on workers that do not run.
  void balance();
  void steal_answered(Task& task, const Worker& worker, std::string_view state, std::string_view stimulus);
  void clear();

  // ---- to be read
  [[nodiscard]] const TaskQueue& queued() const { return queued_; }
  [[nodiscard]] const TaskQueue& stranded() const { return stranded_; }
  [[nodiscard]] const LoadIndex& loads() const { return loads_; }
  [[nodiscard]] bool has_room_for_more(const Worker& worker) const;
  [[nodiscard]] bool may_run(const Worker& worker, const Task& task) const;
  [[nodiscard]] bool is_root_like(const Task& task) const;
  [[nodiscard]] std::size_t steals_in_flight() const { return steals_.size(); }
  [[nodiscard]] LoadRank rank_of(const Worker& worker) const;

 private:
  // choosing (choice.cc)
  [[nodiscard]] Worker* choose(const Task& task, const Worker* avoid);
  void weigh_inputs(const Task& task);
  void collect_holders(const Task& task);
  void collect_least_loaded(const Task& task, std::size_t count);
  [[nodiscard]] bool collect_wished(const Task& task);
  void add_candidate(Worker& worker);
  [[nodiscard]] Worker* best_candidate(const Task& task, const Worker* avoid) const;
  [[nodiscard]] Candidate without_inputs(const Worker& worker) const;
  [[nodiscard]] Candidate weighed(const Worker& worker) const;                      // for the task of weigh_inputs()
  [[nodiscard]] Candidate candidate(const Worker& worker, const Task& task) const;  // the same for any task
  [[nodiscard]] Worker* open_worker(const Worker* avoid) const;
  [[nodiscard]] double bandwidth_of(const Worker& worker) const;
  [[nodiscard]] double memory_used(const Worker& worker) const;

  // giving (dispatch.cc)
  void assign(Task& task, Worker& worker);
  void attach(Task& task, Worker& worker);
  void detach(Task& task);
  void take_from_queue(Task& task);
  void put_in_backlog(Task& task);
  void take_from_backlog(Task& task);
  void send(Task& task);
  void take_from_window(Task& task);
  void estimate(Task& task);
  void place_stranded();
  void fill(Worker& worker);
  [[nodiscard]] Task* next_for(Worker& worker) const;
  [[nodiscard]] bool fits(const Worker& worker, const Task& task) const;
  void open(Worker& worker);
  void refresh(Worker& worker);
  void tell_frees_of(Worker& worker);
  void tell_compute(Task& task);

  // stealing (stealing.cc)
  [[nodiscard]] Task* movable_to(Worker& thief) const;
  [[nodiscard]] Task* first_better_at(const Worker& thief, const Worker& victim, const TaskQueue& backlog) const;
  [[nodiscard]] bool is_better_at(const Worker& thief, const Worker& victim, const Task& task) const;
  void request_back(Worker& worker);
  void relieve(Worker& thief, const std::vector<Worker*>& victims);
  [[nodiscard]] Task* last_waiting(const Worker& victim, const Worker& thief) const;
  void request_steal(Task& task);

  Effects& effects_;
  const PlacementSettings& settings_;
  TaskTable& tasks_;
  WorkerTable& workers_;
  double now_ = 0;

  TaskQueue queued_;
  TaskQueue stranded_;
  LoadIndex loads_;
  BacklogIndex backlogs_;
  std::vector<Worker*> opened_;
  std::vector<Worker*> freeing_;
  std::unordered_map<const Task*, std::string> steals_;  // asked for, by stimulus
  std::uint64_t next_steal_ = 0;
  std::int64_t next_run_ = 0;
  std::uint64_t given_ = 0;

  // Scratch of one choice or one message.
  std::uint64_t choice_ = 0;
  std::int64_t input_bytes_ = 0;
  std::int64_t inputs_to_move_ = 0;
  std::vector<Worker*> candidates_;
  std::vector<std::string_view> addresses_;
  std::vector<Computation::Dependency> inputs_;
};

}  // namespace trireme::launcher::dask::tasks
