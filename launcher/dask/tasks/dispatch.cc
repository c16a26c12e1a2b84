#include "dask/tasks/dispatch.h"

#include <algorithm>
#include <utility>

namespace trireme::launcher::dask::tasks {

namespace {

TaskQueue& backlog_of(const Task& task) {
  return task.annotations->resources.empty() ? task.worker->backlog : task.worker->constrained;
}

}  // namespace

// ---- tasks

void Dispatch::place(Task& task, const Worker* avoid) {
  if (Worker* worker = is_root_like(task) ? open_worker(avoid) : choose(task, avoid)) return assign(task, *worker);
  task.stranded = task.is_restricted();
  TaskQueue& queue = task.stranded ? stranded_ : queued_;
  queue.insert(queue.end(), &task);  // most often that is its place: tasks are placed by priority
  tasks_.set_state(task, TaskState::kQueued);
}

void Dispatch::withdraw(Task& task, Tell tell) {
  if (task.state == TaskState::kQueued) return take_from_queue(task);
  if (task.state != TaskState::kProcessing) return;
  Worker& worker = *task.worker;
  const bool was_sent = task.sent;
  detach(task);
  if (was_sent && tell == Tell::kWorker) free_key(worker, *task.key);
}

void Dispatch::set_long_running(Task& task) {
  Worker& worker = *task.worker;
  if (std::exchange(task.long_running, true)) return;
  --worker.in_window;
  worker.in_window_us -= std::exchange(task.expected_us, 0);
  ++worker.long_running;
  --task.prefix->processing;
  worker.last_news = now_;
  open(worker);
}

void Dispatch::free_key(Worker& worker, const Key& key) {
  if (worker.to_free.empty()) freeing_.push_back(&worker);
  worker.to_free.push_back(key);
}

// ---- workers

void Dispatch::start(Worker& worker) {
  loads_.add(worker, rank_of(worker));
  open(worker);
  place_stranded();
}

void Dispatch::stop(Worker& worker) { loads_.remove(worker); }

void Dispatch::remove(Worker& worker) {
  loads_.remove(worker);
  backlogs_.remove(worker);
  std::erase(opened_, &worker);
  std::erase(freeing_, &worker);
}

void Dispatch::resources_changed(Worker& worker) {
  open(worker);
  place_stranded();
}

void Dispatch::place_stranded() {
  const std::vector<Task*> stranded(stranded_.begin(), stranded_.end());
  for (Task* task : stranded) {
    Worker* worker = choose(*task, nullptr);
    if (worker == nullptr) continue;
    take_from_queue(*task);
    assign(*task, *worker);
  }
}

LoadRank Dispatch::rank_of(const Worker& worker) const {
  const double penalty = memory_penalty_seconds(memory_used(worker));
  return {.is_full = !has_room_for_more(worker),
          .load_us = worker.occupancy_us() / worker.threads + static_cast<std::int64_t>(penalty * 1e6),
          .last_given = worker.last_given};
}

bool Dispatch::has_room_for_more(const Worker& worker) const {
  return worker.is_running() &&
         has_room({.tasks = worker.in_window, .work_us = worker.in_window_us, .threads = worker.threads}, settings_);
}

void Dispatch::refresh(Worker& worker) {
  backlogs_.update(worker);
  if (worker.is_ranked) loads_.rank(worker, rank_of(worker));
}

void Dispatch::open(Worker& worker) {
  refresh(worker);
  if (!std::exchange(worker.is_opened, true)) opened_.push_back(&worker);
}

// ---- giving

void Dispatch::assign(Task& task, Worker& worker) {
  attach(task, worker);
  if (has_room_for_more(worker) && worker.backlog.empty() && fits(worker, task)) return send(task);
  put_in_backlog(task);
  open(worker);
}

void Dispatch::attach(Task& task, Worker& worker) {
  task.worker = &worker;
  if (task.actor) ++worker.actors;
  ++task.prefix->processing;
  worker.last_given = ++given_;
  estimate(task);
  tasks_.set_state(task, TaskState::kProcessing);
}

void Dispatch::detach(Task& task) {
  task.sent ? take_from_window(task) : take_from_backlog(task);
  if (!task.long_running) --task.prefix->processing;
  if (task.actor) --task.worker->actors;
  task.long_running = task.started = false;
  task.worker = nullptr;
  task.expected_us = 0;
}

void Dispatch::take_from_queue(Task& task) {
  TaskQueue& queue = std::exchange(task.stranded, false) ? stranded_ : queued_;
  if (*queue.begin() == &task) {
    queue.erase(queue.begin());
  } else {
    queue.erase(&task);
  }
}

void Dispatch::put_in_backlog(Task& task) {
  backlog_of(task).insert(&task);
  task.worker->backlog_us += task.expected_us;
  refresh(*task.worker);
}

void Dispatch::take_from_backlog(Task& task) {
  backlog_of(task).erase(&task);
  task.worker->backlog_us -= task.expected_us;
  refresh(*task.worker);
}

void Dispatch::send(Task& task) {
  Worker& worker = *task.worker;
  task.sent = true;
  task.run_id = ++next_run_;
  task.slot = static_cast<std::uint32_t>(worker.sent.size());
  worker.sent.push_back(&task);
  if (worker.in_window == 0) worker.last_news = now_;
  ++worker.in_window;
  worker.in_window_us += task.expected_us;
  hold_resources(worker, *task.annotations);
  refresh(worker);
  tell_compute(task);
}

void Dispatch::take_from_window(Task& task) {
  Worker& worker = *task.worker;
  worker.sent[task.slot] = worker.sent.back();
  worker.sent[task.slot]->slot = task.slot;
  worker.sent.pop_back();
  worker.in_window_us -= task.expected_us;
  --(task.long_running ? worker.long_running : worker.in_window);
  return_resources(worker, *task.annotations);
  if (std::exchange(task.steal_requested, false)) steals_.erase(&task);
  task.sent = false;
  worker.last_news = now_;
  open(worker);
}

// A task may be thought to take hours, but not more than fits.
void Dispatch::estimate(Task& task) {
  const Candidate here = candidate(*task.worker, task);
  const double moves = move_seconds(here.missing_bytes, here.missing_inputs, here.bandwidth);
  task.expected_us = static_cast<std::uint32_t>(std::min((task.prefix->expected_seconds() + moves) * 1e6, 4e9));
}

void Dispatch::fill_opened() {
  while (!opened_.empty()) {
    Worker& worker = *opened_.back();
    opened_.pop_back();
    worker.is_opened = false;
    fill(worker);
  }
}

void Dispatch::fill(Worker& worker) {
  while (has_room_for_more(worker)) {
    Task* task = next_for(worker);
    if (task == nullptr) return;
    if (task->state == TaskState::kQueued) {
      take_from_queue(*task);
      attach(*task, worker);
    } else if (task->worker == &worker) {
      take_from_backlog(*task);
      estimate(*task);
    } else {
      detach(*task);
      attach(*task, worker);
    }
    send(*task);
  }
}

// Its own backlog and the queue by priority; when there is nothing, what another worker's backlog can spare.
Task* Dispatch::next_for(Worker& worker) const {
  Task* next = nullptr;
  const auto consider = [&next](Task* task) {
    if (next == nullptr || RunsEarlier()(task, next)) next = task;
  };
  if (!worker.backlog.empty()) consider(*worker.backlog.begin());
  if (!worker.constrained.empty() && fits(worker, **worker.constrained.begin())) consider(*worker.constrained.begin());
  if (!queued_.empty()) consider(*queued_.begin());
  return next != nullptr || backlogs_.empty() ? next : movable_to(worker);
}

bool Dispatch::fits(const Worker& worker, const Task& task) const {
  const auto ahead = std::max<std::int64_t>(settings_.fewest_in_flight - 1, 0);
  return has_free_resources(worker, *task.annotations, static_cast<double>(ahead));
}

// ---- telling

void Dispatch::tell_frees() {
  for (Worker* worker : freeing_) tell_frees_of(*worker);
  freeing_.clear();
}

void Dispatch::tell_frees_of(Worker& worker) {
  if (!worker.to_free.empty()) effects_.free_keys(worker.address, worker.to_free);
  worker.to_free.clear();
}

void Dispatch::tell_compute(Task& task) {
  constexpr std::size_t kMostHolders = 16;  // are named for an input, enough to fetch it from
  tell_frees_of(*task.worker);
  addresses_.clear();
  for (const Edge& edge : task.dependencies) {
    const Memberships<Worker>& holders = edge.task->holders;
    for (std::size_t i = 0; i < std::min(holders.size(), kMostHolders); ++i) {
      addresses_.push_back(holders[i].owner->address);
    }
  }
  inputs_.clear();
  std::span<const std::string_view> addresses(addresses_);
  for (const Edge& edge : task.dependencies) {
    const std::size_t named = std::min(edge.task->holders.size(), kMostHolders);
    inputs_.push_back({*edge.task->key, edge.task->bytes, addresses.first(named)});
    addresses = addresses.subspan(named);
  }
  effects_.compute(task.worker->address, {.key = *task.key,
                                          .run_id = task.run_id,
                                          .priority = task.priority,
                                          .run_spec = task.run_spec,
                                          .annotations = *task.annotations,
                                          .actor = task.actor,
                                          .dependencies = inputs_});
}

void Dispatch::clear() {
  queued_.clear();
  stranded_.clear();
  steals_.clear();
  workers_.for_each([this](Worker& worker) {
    worker.sent.clear();
    worker.backlog.clear();
    worker.constrained.clear();
    worker.in_window = worker.in_window_us = worker.backlog_us = worker.long_running = worker.actors = 0;
    for (auto& [resource, share] : worker.resources) share.used = share.tasks = 0;
    refresh(worker);
  });
}

}  // namespace trireme::launcher::dask::tasks
