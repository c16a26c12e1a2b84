#include "launcher/dask/tasks/model_worker.h"

#include <algorithm>
#include <span>
#include <utility>

namespace trireme::launcher::dask::simulation {

void ModelWorker::read_one() {
  if (inbox.empty()) return;
  ToWorker message = std::move(inbox.front());
  inbox.pop_front();
  std::visit([this](auto& each) { read(std::move(each)); }, message);
}

void ModelWorker::read(ToCompute message) {
  Entry& entry = entries_[message.key];
  const bool is_new = entry.run_id == 0 && entry.begun_run_id == 0 && entry.stage == Stage::kFetching;
  entry.run_id = message.run_id;
  switch (entry.stage) {
    case Stage::kMemory:
      return say_finished(message.key, message.run_id, 0.001);
    case Stage::kExecuting:
    case Stage::kSeceded:
      entry.is_cancelled = false;
      return;
    case Stage::kReady:
      return;
    case Stage::kFetching:
      if (!is_new) return;
      break;
    case Stage::kErred:
      entry = {.run_id = message.run_id};
      break;
  }
  entry.inputs = std::move(message.inputs);
  advance(entry);
}

void ModelWorker::advance(Entry& entry) const {
  const bool has_all = std::all_of(entry.inputs.begin(), entry.inputs.end(),
                                   [this](const ToCompute::Input& input) { return has_data(input.key); });
  if (entry.stage == Stage::kFetching && has_all) entry.stage = Stage::kReady;
}

void ModelWorker::read(const ToFree& message) {
  for (const Key& key : message.keys) release(key);
}

void ModelWorker::release(const Key& key) {
  const auto entry = entries_.find(key);
  if (entry == entries_.end()) return;
  switch (entry->second.stage) {
    case Stage::kExecuting:
    case Stage::kSeceded:
      entry->second.is_cancelled = true;
      return;
    case Stage::kMemory:
      return release_data(entry);
    default:
      entries_.erase(entry);
  }
}

// Tasks that are ready to run on it must fetch it again.
void ModelWorker::release_data(Entries::iterator entry) {
  const Key key = entry->first;
  entries_.erase(entry);
  for (auto& [other, task] : entries_) {
    if (task.stage != Stage::kReady) continue;
    const bool needs = std::any_of(task.inputs.begin(), task.inputs.end(), [&](const auto& i) { return i.key == key; });
    if (needs) task.stage = Stage::kFetching;
  }
  outbox.emplace_back(
      [address = address(), key](TaskScheduler& scheduler, double now) { scheduler.data_released(address, key, now); });
}

void ModelWorker::read(const ToRemoveReplicas& message) {
  for (const Key& key : message.keys) {
    const auto entry = entries_.find(key);
    if (entry != entries_.end() && entry->second.stage == Stage::kMemory) release_data(entry);
  }
}

void ModelWorker::read(const ToSteal& message) {
  const auto entry = entries_.find(message.key);
  std::string state;
  if (entry != entries_.end()) {
    const Entry& task = entry->second;
    switch (task.stage) {
      case Stage::kFetching:
        state = "waiting";
        break;
      case Stage::kReady:
        state = "ready";
        break;
      case Stage::kExecuting:
        state = task.is_cancelled ? "cancelled" : "executing";
        break;
      case Stage::kSeceded:
        state = task.is_cancelled ? "cancelled" : "long-running";
        break;
      case Stage::kMemory:
        state = "memory";
        break;
      case Stage::kErred:
        state = "error";
        break;
    }
    if (task.stage == Stage::kFetching || task.stage == Stage::kReady) entries_.erase(entry);
  }
  outbox.emplace_back(
      [address = address(), key = message.key, state, stimulus = message.stimulus](
          TaskScheduler& scheduler, double now) { scheduler.steal_answered(address, key, state, stimulus, now); });
}

void ModelWorker::read(const ToRefresh& message) {
  for (auto& [key, entry] : entries_) {
    for (ToCompute::Input& input : entry.inputs) {
      if (input.key == message.key) input.holders = message.holders;
    }
    if (entry.stage == Stage::kFetching) entry.waits_for_news = 0;
  }
}

ModelWorker::Entries::iterator ModelWorker::pick(Random& random, const std::function<bool(const Entry&)>& fits) {
  std::vector<Entries::iterator> fitting;
  for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
    if (fits(entry->second)) fitting.push_back(entry);
  }
  return fitting.empty() ? entries_.end() : fitting[random() % fitting.size()];
}

// Fetches one input of one task from the first holder that has it, or asks anew who does.
void ModelWorker::fetch_one(Random& random, const HoldsData& holds_data) {
  const auto entry = pick(random, [](const Entry& e) { return e.stage == Stage::kFetching && e.waits_for_news == 0; });
  if (entry == entries_.end()) return;
  Entry& task = entry->second;
  const auto missing =
      std::find_if(task.inputs.begin(), task.inputs.end(), [this](const auto& input) { return !has_data(input.key); });
  if (missing == task.inputs.end()) return advance(task);
  const Key key = missing->key;
  const bool is_there = std::any_of(missing->holders.begin(), missing->holders.end(),
                                    [&](const std::string& holder) { return holds_data(holder, key); });
  if (!is_there) {
    task.waits_for_news = 1;
    outbox.emplace_back([address = address(), key](TaskScheduler& scheduler, double) {
      scheduler.who_has_requested(address, std::span(&key, 1));
    });
    return;
  }
  // What it is to compute itself it does not fetch.
  const auto known = entries_.find(key);
  if (known != entries_.end() && known->second.stage != Stage::kErred) return;
  entries_[key].stage = Stage::kMemory;
  outbox.emplace_back([address = address(), key](TaskScheduler& scheduler, double now) {
    scheduler.data_added(address, std::span(&key, 1), now);
  });
  for (auto& [other, waiting] : entries_) advance(waiting);
}

void ModelWorker::begin_one(Random& random) {
  const auto running = std::count_if(entries_.begin(), entries_.end(),
                                     [](const auto& each) { return each.second.stage == Stage::kExecuting; });
  if (running >= info_.threads || status_ == WorkerStatus::kPaused) return;
  const auto entry = pick(random, [](const Entry& each) { return each.stage == Stage::kReady; });
  if (entry == entries_.end()) return;
  entry->second.stage = Stage::kExecuting;
  entry->second.begun_run_id = entry->second.run_id;
}

void ModelWorker::end_one(Random& random) {
  const auto entry =
      pick(random, [](const Entry& each) { return each.stage == Stage::kExecuting || each.stage == Stage::kSeceded; });
  if (entry == entries_.end()) return;
  const Key key = entry->first;
  Entry& task = entry->second;
  Behaviour& behaviour = behaviour_of_(key);
  if (behaviour.secedes && task.stage == Stage::kExecuting) {
    task.stage = Stage::kSeceded;
    outbox.emplace_back([address = address(), key, run = task.begun_run_id](TaskScheduler& scheduler, double at) {
      scheduler.task_long_running(address, key, run, 0.001, at);
    });
    return;
  }
  if (task.is_cancelled) {
    entries_.erase(entry);
    return;
  }
  const std::int64_t run = task.begun_run_id;
  if (std::exchange(behaviour.reschedules_once, false)) {
    entries_.erase(entry);
    outbox.emplace_back([address = address(), key, run](TaskScheduler& scheduler, double at) {
      scheduler.task_rescheduled(address, key, run, at);
    });
  } else if (behaviour.failures > 0) {
    --behaviour.failures;
    task.stage = Stage::kErred;
    TaskFailure failure{.key = key, .run_id = run, .exception_text = "it failed"};
    outbox.emplace_back([address = address(), failure](TaskScheduler& scheduler, double at) {
      scheduler.task_erred(address, failure, at);
    });
  } else {
    task.stage = Stage::kMemory;
    for (auto& [other, waiting] : entries_) advance(waiting);
    say_finished(key, run, behaviour.seconds);
  }
}

void ModelWorker::say_finished(const Key& key, std::int64_t run_id, double seconds) {
  TaskResult result{.key = key,
                    .run_id = run_id,
                    .bytes = static_cast<std::int64_t>(1000 + 1e6 * seconds),
                    .type = Bytes(std::string("int")),
                    .type_name = "int",
                    .started = 1000,
                    .stopped = 1000 + seconds};
  outbox.emplace_back([address = address(), result](TaskScheduler& scheduler, double now) {
    scheduler.task_finished(address, result, now);
  });
}

// As a worker whose disk or memory fails.
void ModelWorker::drop_data(Random& random) {
  const auto entry = pick(random, [](const Entry& each) { return each.stage == Stage::kMemory; });
  if (entry != entries_.end()) release_data(entry);
}

// Says once more, or of a run that is over, that a task has ended; its data is here.
void ModelWorker::repeat_finish(Random& random) {
  const auto entry = pick(random, [](const Entry& each) { return each.stage == Stage::kMemory && each.run_id > 0; });
  if (entry == entries_.end()) return;
  say_finished(entry->first, entry->second.run_id - static_cast<std::int64_t>(random() % 2), 0.001);
}

void ModelWorker::set_status(WorkerStatus status) {
  status_ = status;
  outbox.emplace_back([address = address(), status](TaskScheduler& scheduler, double now) {
    scheduler.set_worker_status(address, status, now);
  });
}

bool ModelWorker::is_to_run(const Key& key) const {
  const auto entry = entries_.find(key);
  bool runs = entry != entries_.end() && !entry->second.is_cancelled && entry->second.stage != Stage::kMemory &&
              entry->second.stage != Stage::kErred;
  for (const ToWorker& message : inbox) {
    if (const auto* compute = std::get_if<ToCompute>(&message)) runs |= compute->key == key;
    const auto* freed = std::get_if<ToFree>(&message);
    if (freed != nullptr && std::count(freed->keys.begin(), freed->keys.end(), key) != 0) runs = false;
  }
  return runs;
}

bool ModelWorker::has_data(const Key& key) const {
  const auto entry = entries_.find(key);
  return entry != entries_.end() && entry->second.stage == Stage::kMemory;
}

std::size_t ModelWorker::data() const {
  return static_cast<std::size_t>(std::count_if(entries_.begin(), entries_.end(),
                                                [](const auto& each) { return each.second.stage == Stage::kMemory; }));
}

bool ModelWorker::is_busy() const {
  return !inbox.empty() || !outbox.empty() || std::any_of(entries_.begin(), entries_.end(), [](const auto& each) {
    return each.second.stage != Stage::kMemory && each.second.stage != Stage::kErred;
  });
}

std::vector<Key> ModelWorker::executing() const {
  std::vector<Key> keys;
  for (const auto& [key, entry] : entries_) {
    if (entry.stage == Stage::kExecuting || entry.stage == Stage::kSeceded) keys.push_back(key);
  }
  return keys;
}

std::string ModelWorker::describe() const {
  static constexpr const char* kNames[] = {"fetching", "ready", "executing", "seceded", "memory", "erred"};
  std::string text = info_.address + ":";
  for (const auto& [key, entry] : entries_) {
    text.append(" ").append(key.packed().substr(1)).append("=").append(kNames[static_cast<int>(entry.stage)]);
    if (entry.is_cancelled) text.append("(cancelled)");
  }
  return text;
}

}  // namespace trireme::launcher::dask::simulation
