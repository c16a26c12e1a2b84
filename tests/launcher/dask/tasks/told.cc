// What the scheduler says in the simulation: checked, then sent on.
#include <algorithm>

#include <fmt/format.h>

#include "launcher/dask/tasks/simulation.h"

namespace trireme::launcher::dask::simulation {

namespace {

std::string name_of_key(const Key& key) { return std::string(key.packed().substr(1)); }

bool is_meant(const WorkerInfo& worker, const Annotations& annotations) {
  const std::vector<std::string>& texts = annotations.workers;
  return texts.empty() || annotations.allow_other_workers ||
         std::any_of(texts.begin(), texts.end(), [&](const std::string& text) {
           return text == worker.name || text == worker.host || text == worker.address;
         });
}

}  // namespace

void Simulation::compute(std::string_view worker, const Computation& task) {
  ++counts_["told-compute"];
  ModelWorker* model = find_worker(worker);
  const std::string what = fmt::format("{} is sent to {}", name_of_key(task.key), worker);
  if (model == nullptr) return fail(what + ", which is gone");
  for (const WorkerView& view : scheduler_.workers()) {
    if (view.address == worker && view.status != WorkerStatus::kRunning) return fail(what + ", which does not run");
  }
  if (!is_meant(model->info(), task.annotations)) return fail(what + ", which it was not meant for");
  if (task.run_id <= last_run_) return fail(what + " with an old run");
  last_run_ = task.run_id;
  computed_[task.key] = worker;
  ToCompute message{.key = task.key, .run_id = task.run_id, .inputs = {}};
  for (const Computation::Dependency& input : task.dependencies) {
    if (input.holders.empty()) return fail(what + " without a holder of an input");
    for (const std::string_view holder : input.holders) {
      if (find_worker(holder) == nullptr) return fail(what + " with an input on a worker that is gone");
    }
    message.inputs.push_back({input.key, {input.holders.begin(), input.holders.end()}});
  }
  model->inbox.emplace_back(std::move(message));
}

// Workers may be told in any order during an event; after it, no two of them have the same task.
void Simulation::check_tasks_have_one_worker() {
  for (const auto& [key, worker] : computed_) {
    for (const auto& other : workers_) {
      if (other->address() == worker || !other->is_to_run(key)) continue;
      fail(fmt::format("{} is sent to {} while {} still has it", name_of_key(key), worker, other->address()));
    }
  }
  computed_.clear();
}

void Simulation::free_keys(std::string_view worker, std::span<const Key> keys) {
  ++counts_["told-free"];
  ModelWorker* model = find_worker(worker);
  if (model == nullptr) return fail(fmt::format("keys are freed on {}, which is gone", worker));
  model->inbox.emplace_back(ToFree{{keys.begin(), keys.end()}});
}

void Simulation::remove_replicas(std::string_view worker, std::span<const Key> keys) {
  ++counts_["told-remove-replicas"];
  if (ModelWorker* model = find_worker(worker)) model->inbox.emplace_back(ToRemoveReplicas{{keys.begin(), keys.end()}});
}

void Simulation::request_steal(std::string_view worker, const Key& key, std::string_view stimulus) {
  ++counts_["told-steal"];
  if (ModelWorker* model = find_worker(worker)) model->inbox.emplace_back(ToSteal{key, std::string(stimulus)});
}

void Simulation::refresh_who_has(std::string_view worker, const Key& key, std::span<const std::string_view> holders) {
  ++counts_["told-refresh"];
  ModelWorker* model = find_worker(worker);
  if (model != nullptr) model->inbox.emplace_back(ToRefresh{key, {holders.begin(), holders.end()}});
}

void Simulation::tell_worker_gone(std::string_view worker, std::string_view gone) {
  if (find_worker(worker) == nullptr) fail(fmt::format("{} is told of {} though it is gone", worker, gone));
}

void Simulation::fail_shuffle(std::string_view, std::string_view, std::int64_t run, std::string_view) {
  ++counts_["told-fail-shuffle"];
  if (run <= 0) fail("workers are told of the end of a shuffle that did not run");
}

Simulation::FakeClient* Simulation::wanting(std::string_view client, const Key& key, std::string_view what) {
  const auto found = clients_.find(std::string(client));
  if (found != clients_.end() && found->second.wants.count(key) != 0) return &found->second;
  fail(fmt::format("{} hears that {} is {}, which it does not want", client, name_of_key(key), what));
  return nullptr;
}

void Simulation::key_in_memory(std::string_view client, const Key& key, const Bytes&) {
  ++counts_["told-memory"];
  if (FakeClient* fake = wanting(client, key, "in memory")) fake->erred.erase(key);
}

void Simulation::task_erred(std::string_view client, const Key& key, const Opaque&, const Opaque&) {
  ++counts_["told-erred"];
  if (FakeClient* fake = wanting(client, key, "erred")) fake->erred.insert(key);
}

void Simulation::lost_data(std::string_view client, const Key& key) {
  ++counts_["told-lost"];
  (void)wanting(client, key, "lost");
}

// Cancellations by clients go to everybody; whoever wanted the key has it no longer.
void Simulation::cancelled_keys(std::string_view client, std::span<const Key> keys, std::string_view) {
  ++counts_["told-cancelled"];
  const auto found = clients_.find(std::string(client));
  if (found == clients_.end()) return fail(fmt::format("{} is told of cancelled keys though it is gone", client));
  for (const Key& key : keys) {
    found->second.wants.erase(key);
    found->second.erred.erase(key);
  }
}

void Simulation::task_retried(std::string_view client, const Key& key) {
  ++counts_["told-retried"];
  if (FakeClient* fake = wanting(client, key, "retried")) fake->erred.erase(key);
}

}  // namespace trireme::launcher::dask::simulation
