#include "dask/server/stream_effects.h"

namespace trireme::launcher::dask {

namespace {

// Workers keep it in their logs; what the scheduler decided in one turn has no better name.
constexpr std::string_view kStimulus = "trireme";

void write_keys(MessageWriter& out, std::span<const Key> keys) {
  out.array(keys.size());
  for (const Key& key : keys) out.key(key);
}

void write_keys_operation(MessageWriter& out, std::string_view operation, std::span<const Key> keys) {
  out.map(3).text("op").text(operation).text("keys");
  write_keys(out, keys);
  out.text("stimulus_id").text(kStimulus);
}

void write_dependencies(MessageWriter& out, std::span<const Computation::Dependency> dependencies) {
  out.text("who_has").map(dependencies.size());
  for (const auto& dependency : dependencies) {
    out.key(dependency.key).array(dependency.holders.size());
    for (const std::string_view holder : dependency.holders) out.text(holder);
  }
  out.text("nbytes").map(dependencies.size());
  for (const auto& dependency : dependencies) out.key(dependency.key).integer(dependency.bytes);
}

void write_resources(MessageWriter& out, const std::map<std::string, double>& resources) {
  out.text("resource_restrictions");
  if (resources.empty()) {
    out.nil();
    return;
  }
  out.map(resources.size());
  for (const auto& [name, amount] : resources) out.text(name).number(amount);
}

}  // namespace

MessageWriter* StreamEffects::to_worker(std::string_view address) {
  WorkerPeer* worker = workers_.find(address);
  return worker ? &worker->stream->next() : nullptr;
}

MessageWriter* StreamEffects::to_client(std::string_view id) {
  ClientPeer* client = clients_.find(id);
  return client ? &client->stream->next() : nullptr;
}

void StreamEffects::compute(std::string_view worker, const Computation& task) {
  MessageWriter* out = to_worker(worker);
  if (!out) return;
  out->map(12).text("op").text("compute-task").text("key").key(task.key).text("run_id").integer(task.run_id);
  out->text("priority").array(3).number(task.priority.user).number(task.priority.generation);
  out->integer(task.priority.order).text("stimulus_id").text(kStimulus);
  write_dependencies(*out, task.dependencies);
  out->text("run_spec").pickled(task.run_spec);
  write_resources(*out, task.annotations.resources);
  out->text("actor").boolean(task.actor).text("annotations");
  task.annotations.packed.empty() ? out->map(0) : out->packed(task.annotations.packed.view());
  out->text("span_id").nil();
}

void StreamEffects::free_keys(std::string_view worker, std::span<const Key> keys) {
  if (MessageWriter* out = to_worker(worker)) write_keys_operation(*out, "free-keys", keys);
}

void StreamEffects::remove_replicas(std::string_view worker, std::span<const Key> keys) {
  if (MessageWriter* out = to_worker(worker)) write_keys_operation(*out, "remove-replicas", keys);
}

void StreamEffects::request_steal(std::string_view worker, const Key& key, std::string_view stimulus) {
  MessageWriter* out = to_worker(worker);
  if (!out) return;
  out->map(3).text("op").text("steal-request").text("key").key(key).text("stimulus_id").text(stimulus);
}

void StreamEffects::refresh_who_has(std::string_view worker, const Key& key,
                                    std::span<const std::string_view> holders) {
  MessageWriter* out = to_worker(worker);
  if (!out) return;
  out->map(3).text("op").text("refresh-who-has").text("who_has").map(1).key(key).array(holders.size());
  for (const std::string_view holder : holders) out->text(holder);
  out->text("stimulus_id").text(kStimulus);
}

void StreamEffects::tell_worker_gone(std::string_view worker, std::string_view gone) {
  MessageWriter* out = to_worker(worker);
  if (!out) return;
  out->map(3).text("op").text("remove-worker").text("worker").text(gone).text("stimulus_id").text(kStimulus);
}

void StreamEffects::fail_shuffle(std::string_view worker, std::string_view shuffle, std::int64_t run,
                                 std::string_view why) {
  MessageWriter* out = to_worker(worker);
  if (!out) return;
  out->map(4).text("op").text("shuffle-fail").text("shuffle_id").text(shuffle);
  out->text("run_id").integer(run).text("message").text(why);
}

void StreamEffects::key_in_memory(std::string_view client, const Key& key, const Bytes& type) {
  MessageWriter* out = to_client(client);
  if (!out) return;
  out->map(type.empty() ? 2 : 3).text("op").text("key-in-memory").text("key").key(key);
  if (!type.empty()) out->text("type").bytes(type.view());
}

void StreamEffects::task_erred(std::string_view client, const Key& key, const Opaque& exception,
                               const Opaque& traceback) {
  MessageWriter* out = to_client(client);
  if (!out) return;
  out->map(4).text("op").text("task-erred").text("key").key(key);
  out->text("exception").opaque(exception).text("traceback").opaque(traceback);
}

void StreamEffects::lost_data(std::string_view client, const Key& key) {
  if (MessageWriter* out = to_client(client)) out->map(2).text("op").text("lost-data").text("key").key(key);
}

void StreamEffects::cancelled_keys(std::string_view client, std::span<const Key> keys, std::string_view reason) {
  MessageWriter* out = to_client(client);
  if (!out) return;
  out->map(4).text("op").text("cancelled-keys").text("keys");
  write_keys(*out, keys);
  out->text("reason").text(reason).text("msg").nil();
}

void StreamEffects::task_retried(std::string_view client, const Key& key) {
  if (MessageWriter* out = to_client(client)) out->map(2).text("op").text("task-retried").text("key").key(key);
}

}  // namespace trireme::launcher::dask
