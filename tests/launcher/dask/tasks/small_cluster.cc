#include "launcher/dask/tasks/small_cluster.h"

#include <memory>

namespace trireme::launcher::dask {

namespace {

std::string text_of(const Key& key) { return std::string(key.packed().substr(key.packed()[0] == '\xd9' ? 2 : 1)); }

std::string joined(std::span<const std::string_view> texts) {
  std::string all;
  for (const std::string_view text : texts) all.append(all.empty() ? "" : "+").append(text);
  return all;
}

Opaque bin(std::string text) { return {.kind = Opaque::Kind::kBin, .header = Bytes(std::move(text))}; }

ExceptionWriters writers() {
  return {.killed_worker =
              [](const Key& key, std::string_view worker, std::uint32_t allowed) {
                return bin("KilledWorker " + text_of(key) + " " + std::string(worker) + " " + std::to_string(allowed));
              },
          .actor_lost = [](const Key& key) { return bin("lost actor " + text_of(key)); }};
}

}  // namespace

void Told::say(std::string_view what, std::string_view whom, std::span<const Key> keys, const std::string& more) {
  std::string line(what);
  line.append(" ").append(whom);
  for (const Key& key : keys) line.append(" ").append(text_of(key));
  lines_.push_back(line.append(more));
}

void Told::compute(std::string_view worker, const Computation& task) {
  inputs_.clear();
  for (const auto& input : task.dependencies) inputs_.push_back(text_of(input.key) + ":" + joined(input.holders));
  runs_[text_of(task.key)] = task.run_id;
  priorities_[text_of(task.key)] = task.priority;
  say("compute", worker, std::span(&task.key, 1));
}

void Told::free_keys(std::string_view worker, std::span<const Key> keys) { say("free", worker, keys); }
void Told::remove_replicas(std::string_view worker, std::span<const Key> keys) { say("remove", worker, keys); }

void Told::request_steal(std::string_view worker, const Key& key, std::string_view stimulus) {
  stimulus_ = stimulus;
  say("steal", worker, std::span(&key, 1));
}

void Told::refresh_who_has(std::string_view worker, const Key& key, std::span<const std::string_view> holders) {
  say("who-has", worker, std::span(&key, 1), ": " + joined(holders));
}

void Told::tell_worker_gone(std::string_view worker, std::string_view gone) {
  say("gone", worker, {}, " " + std::string(gone));
}

void Told::fail_shuffle(std::string_view worker, std::string_view shuffle, std::int64_t run, std::string_view) {
  say("fail-shuffle", worker, {}, " " + std::string(shuffle) + " run " + std::to_string(run));
}

void Told::key_in_memory(std::string_view client, const Key& key, const Bytes&) {
  say("memory", client, std::span(&key, 1));
}

void Told::task_erred(std::string_view client, const Key& key, const Opaque& exception, const Opaque&) {
  say("erred", client, std::span(&key, 1), ": " + std::string(exception.header.view()));
}

void Told::lost_data(std::string_view client, const Key& key) { say("lost", client, std::span(&key, 1)); }

void Told::cancelled_keys(std::string_view client, std::span<const Key> keys, std::string_view reason) {
  say("cancelled", client, keys, ": " + std::string(reason));
}

void Told::task_retried(std::string_view client, const Key& key) { say("retried", client, std::span(&key, 1)); }

SmallCluster::SmallCluster(const PlacementSettings& settings) : scheduler_(told_, settings, writers()) {
  for (const char* client : {"alice", "bob"}) scheduler_.add_client(client);
}

void SmallCluster::check() { EXPECT_EQ(scheduler_.broken_invariants(), Lines()); }

SmallCluster::Lines SmallCluster::said() {
  check();
  return told_.take();
}

SmallCluster::Lines SmallCluster::join(const std::string& name, WorkerInfo info) {
  info.address = info.name = name;
  if (info.host.empty()) info.host = "host-of-" + name;
  scheduler_.add_worker(info, now_);
  return set_status(name, WorkerStatus::kRunning);
}

SmallCluster::Lines SmallCluster::die(const std::string& worker, bool expected) {
  scheduler_.remove_worker(worker, expected, now_);
  return said();
}

SmallCluster::Lines SmallCluster::set_status(const std::string& worker, WorkerStatus status) {
  scheduler_.set_worker_status(worker, status, now_);
  return said();
}

SmallCluster::Lines SmallCluster::submit(const std::string& client, const std::vector<NewTask>& tasks,
                                         const Lines& wanted, const std::vector<ShuffleSpec>& shuffles) {
  Graph graph{.client = client, .shuffles = shuffles, .wanted = keys_of(wanted)};
  for (const NewTask& task : tasks) {
    graph.tasks.push_back({.key = text_key(task.name),
                           .dependencies = keys_of(task.inputs),
                           .run_spec = Bytes("spec of " + task.name),
                           .order = static_cast<std::int64_t>(graph.tasks.size()),
                           .annotations = std::make_shared<const Annotations>(task.annotations),
                           .actor = task.actor});
  }
  now_ += 1;
  scheduler_.update_graph(graph, now_);
  return said();
}

SmallCluster::Lines SmallCluster::finish(const std::string& worker, const std::string& task, double seconds,
                                         std::int64_t bytes) {
  TaskResult result{.key = text_key(task),
                    .run_id = told_.run_of(task),
                    .bytes = bytes,
                    .type = Bytes(std::string("pickled int")),
                    .type_name = "int"};
  if (seconds > 0) {
    result.started = 1000;
    result.stopped = 1000 + seconds;
  }
  scheduler_.task_finished(worker, result, now_);
  return said();
}

SmallCluster::Lines SmallCluster::finish_run(const std::string& worker, const std::string& task, std::int64_t run) {
  scheduler_.task_finished(worker, {.key = text_key(task), .run_id = run, .bytes = 100}, now_);
  return said();
}

SmallCluster::Lines SmallCluster::err(const std::string& worker, const std::string& task,
                                      const std::string& exception) {
  TaskFailure failure{.key = text_key(task), .run_id = told_.run_of(task), .exception = bin(exception)};
  scheduler_.task_erred(worker, failure, now_);
  return said();
}

SmallCluster::Lines SmallCluster::release(const std::string& client, const Lines& tasks) {
  scheduler_.release_keys(client, keys_of(tasks), now_);
  return said();
}

SmallCluster::Lines SmallCluster::desire(const std::string& holder, const Lines& tasks) {
  scheduler_.desire_keys(holder, keys_of(tasks), now_);
  return said();
}

SmallCluster::Lines SmallCluster::cancel(const std::string& client, const Lines& tasks, bool force) {
  scheduler_.cancel_keys(client, keys_of(tasks), force, "asked for", now_);
  return said();
}

SmallCluster::Lines SmallCluster::scatter(const std::string& client, const std::string& name, const Lines& workers,
                                          std::int64_t bytes) {
  scheduler_.data_scattered(client, text_key(name), bytes, Bytes(), workers, now_);
  return said();
}

SmallCluster::Lines SmallCluster::tick(double seconds) {
  now_ += seconds;
  scheduler_.tick(now_);
  return said();
}

std::string SmallCluster::state_of(const std::string& task) const {
  const auto state = scheduler_.state_of(text_key(task));
  return state ? name_of(*state) : "forgotten";
}

std::vector<Key> SmallCluster::keys_of(const Lines& names) {
  std::vector<Key> keys;
  for (const std::string& name : names) keys.push_back(text_key(name));
  return keys;
}

std::size_t SmallCluster::known() const {
  const TaskCounts counts = scheduler_.counts();
  return counts.released + counts.waiting + counts.queued + counts.processing + counts.memory + counts.erred;
}

}  // namespace trireme::launcher::dask
