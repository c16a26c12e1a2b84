// Operations that only look.
#include <algorithm>
#include <array>
#include <map>

#include "dask/server/identity.h"
#include "dask/server/operations/operation.h"

namespace trireme::launcher::dask {

namespace {

void identity(Hub& hub, const Request& request, MessageWriter& reply) {
  const std::int64_t wanted = find_integer(request.root(), "n_workers", -1);
  const std::size_t most = wanted < 0 ? std::numeric_limits<std::size_t>::max() : static_cast<std::size_t>(wanted);
  write_identity(reply, hub, request.connection.local_address(), most);
}

void echo(Hub&, const Request& request, MessageWriter& reply) {
  if (const Object* data = find(request.root(), "data")) reply.value(request.message, *data);
}

// This scheduler has no Python; the packages of the first peer are the ones that others are compared with.
void versions(Hub& hub, const Request&, MessageWriter& reply) {
  const Object* known = find_value(hub.versions.root(), "versions");
  if (known) {
    reply.value(hub.versions, *known);
  } else {
    reply.map(2).text("host").map(0).text("packages").map(0);
  }
}

// The workers that `workers` names by address or name; all of them without it.
std::vector<const WorkerPeer*> shown_workers(Hub& hub, const Request& request) {
  std::vector<const WorkerPeer*> found;
  if (const auto names = request.texts("workers")) {
    for (const std::string& name : *names) {
      const WorkerPeer* worker = hub.workers.find(name);
      if (!worker) worker = hub.workers.find_by_name(name);
      if (worker) found.push_back(worker);
    }
  } else {
    for (const auto& [address, worker] : hub.workers.all()) found.push_back(&worker);
  }
  return found;
}

void write_threads(MessageWriter& reply, const std::vector<const WorkerPeer*>& workers) {
  reply.map(workers.size());
  for (const WorkerPeer* worker : workers) reply.text(worker->info.address).integer(worker->info.threads);
}

void ncores(Hub& hub, const Request& request, MessageWriter& reply) {
  write_threads(reply, shown_workers(hub, request));
}

void ncores_running(Hub& hub, const Request& request, MessageWriter& reply) {
  auto workers = shown_workers(hub, request);
  std::erase_if(workers, [](const WorkerPeer* worker) { return worker->status != "running"; });
  write_threads(reply, workers);
}

void has_what(Hub& hub, const Request& request, MessageWriter& reply) {
  const auto workers = shown_workers(hub, request);
  reply.map(workers.size());
  for (const WorkerPeer* worker : workers)
    reply.text(worker->info.address).keys(hub.tasks.keys_held_by(worker->info.address));
}

void processing(Hub& hub, const Request& request, MessageWriter& reply) {
  const auto workers = shown_workers(hub, request);
  reply.map(workers.size());
  for (const WorkerPeer* worker : workers)
    reply.text(worker->info.address).keys(hub.tasks.keys_processing_on(worker->info.address));
}

std::vector<Key> asked_keys(Hub& hub, const Request& request) {
  const Object* keys = find_value(request.root(), "keys");
  return keys ? keys_of(elements(*keys)) : hub.tasks.keys_in_memory();
}

void who_has(Hub& hub, const Request& request, MessageWriter& reply) {
  const std::vector<Key> keys = asked_keys(hub, request);
  reply.map(keys.size());
  for (const Key& key : keys) {
    const auto holders = hub.tasks.holders_of(key);
    reply.key(key).array(holders.size());
    for (const std::string& holder : holders) reply.text(holder);
  }
}

void nbytes(Hub& hub, const Request& request, MessageWriter& reply) {
  const std::vector<Key> keys = asked_keys(hub, request);
  if (!find_bool(request.root(), "summary", true)) {
    reply.map(keys.size());
    for (const Key& key : keys) reply.key(key).integer(hub.tasks.bytes_of(key));
    return;
  }
  std::map<std::string, std::int64_t> groups;
  for (const Key& key : keys) groups[std::string(hub.tasks.kind_of(key))] += hub.tasks.bytes_of(key);
  reply.map(groups.size());
  for (const auto& [group, bytes] : groups) reply.text(group).integer(bytes);
}

void get_task_status(Hub& hub, const Request& request, MessageWriter& reply) {
  const std::vector<Key> keys = keys_of(find_elements(request.root(), "keys"));
  reply.map(keys.size());
  for (const Key& key : keys) {
    const auto state = hub.tasks.state_of(key);
    reply.key(key);
    state ? reply.text(name_of(*state)) : reply.nil();
  }
}

void adaptive_target(Hub& hub, const Request& request, MessageWriter& reply) {
  constexpr double kTargetSeconds = 5;
  const double target = request.seconds("target_duration").value_or(kTargetSeconds);
  const std::size_t fewest = hub.waiting_for_any_worker > 0 ? 1 : 0;
  reply.integer(static_cast<std::int64_t>(std::max(hub.tasks.wanted_workers(target), fewest)));
}

// What Client.recreate_task_locally() runs: its pickle for the client to open.
void get_runspec(Hub& hub, const Request& request, MessageWriter& reply) {
  const Key key = request.key("key");
  const Bytes spec = hub.tasks.run_spec_of(key);
  if (spec.empty()) throw CallerError("KeyError", name_of(key));
  reply.pickled(spec);
}

// Of the first of the keys that is erred: the task that failed.
void get_error_cause(Hub& hub, const Request& request, MessageWriter& reply) {
  for (const Key& key : keys_of(find_elements(request.root(), "keys"))) {
    if (const auto cause = hub.tasks.failed_first(key)) {
      reply.key(*cause);
      return;
    }
  }
}

// Clients read the log of a scheduler they run themselves; this one's is the launcher's.
void no_log(Hub&, const Request&, MessageWriter& reply) { reply.array(0); }

constexpr std::array kQueryOperations = {
    Operation{"identity", identity},
    Operation{"echo", echo},
    Operation{"versions", versions},
    Operation{"ncores", ncores},
    Operation{"ncores_running", ncores_running},
    Operation{"has_what", has_what},
    Operation{"processing", processing},
    Operation{"who_has", who_has},
    Operation{"nbytes", nbytes},
    Operation{"get_task_status", get_task_status},
    Operation{"adaptive_target", adaptive_target},
    Operation{"get_runspec", get_runspec},
    Operation{"get_error_cause", get_error_cause},
    Operation{"get_logs", no_log},
    Operation{"logs", no_log},
    Operation{"get_story", no_log},
};

}  // namespace

std::span<const Operation> query_operations() { return kQueryOperations; }

}  // namespace trireme::launcher::dask
