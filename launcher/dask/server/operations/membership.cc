// Operations by which workers come, stay and go.
#include <algorithm>
#include <array>

#include "dask/server/identity.h"
#include "dask/server/operations/operation.h"
#include "dask/server/operations/retirement.h"
#include "dask/server/worker_stream.h"

namespace trireme::launcher::dask {

namespace {

void heartbeat_worker(Hub& hub, const Request& request, MessageWriter& reply) {
  WorkerPeer* worker = hub.workers.find(request.text("address"));
  if (!worker) {
    reply.map(1).text("status").text("missing");
    return;
  }
  worker->last_seen = epoch_seconds();
  worker->metrics = request.message;
  hub.tasks.update_load(worker->info.address, load_of(request.root()), steady_seconds());
  reply.map(3).text("status").text("OK").text("time").number(epoch_seconds());
  reply.text("heartbeat-interval").number(heartbeat_seconds(hub.workers.size()));
}

void unregister(Hub& hub, const Request& request, MessageWriter& reply) {
  const std::string address = request.text("address");
  const bool known = hub.workers.find(address) != nullptr;
  hub.remove_worker(address, true, find_bool(request.root(), "close", true));
  reply.text(known ? "OK" : "already-removed");
}

void set_resources(Hub& hub, const Request& request, MessageWriter& reply) {
  WorkerPeer* worker = hub.workers.find(request.text("worker"));
  if (!worker) refuse("there is no such worker");
  for (const auto& [name, amount] : resources_of(request.root())) worker->info.resources[name] = amount;
  hub.tasks.set_worker_resources(worker->info.address, worker->info.resources, steady_seconds());
  reply.text("OK");
}

std::vector<std::string> to_close(Hub& hub, const Request& request) {
  const auto limit = static_cast<std::int64_t>(hub.workers.size());
  std::optional<std::size_t> count;
  if (find_value(request.root(), "n")) {
    count = static_cast<std::size_t>(std::clamp<std::int64_t>(find_integer(request.root(), "n", 0), 0, limit));
  } else if (find_value(request.root(), "target")) {
    const auto target = std::clamp<std::int64_t>(find_integer(request.root(), "target", 0), 0, limit);
    count = static_cast<std::size_t>(limit - target);
  }
  const auto minimum = std::clamp<std::int64_t>(find_integer(request.root(), "minimum", 0), 0, limit);
  std::vector<std::string> addresses = hub.tasks.workers_to_close(count);
  addresses.resize(std::min<std::size_t>(addresses.size(), static_cast<std::size_t>(limit - minimum)));
  return addresses;
}

void workers_to_close(Hub& hub, const Request& request, MessageWriter& reply) {
  const std::vector<std::string> addresses = to_close(hub, request);
  const bool by_name = find_text(request.root(), "attribute") == "name";
  reply.array(addresses.size());
  for (const std::string& address : addresses) {
    const WorkerPeer* worker = hub.workers.find(address);
    const Object* name = worker && by_name ? find(worker->registration.root(), "name") : nullptr;
    name ? reply.value(worker->registration, *name) : reply.text(address);
  }
}

std::vector<std::string> to_retire(Hub& hub, const Request& request) {
  std::vector<std::string> addresses;
  if (const auto names = request.texts("names")) {
    for (const std::string& name : *names) {
      if (const WorkerPeer* worker = hub.workers.find_by_name(name)) addresses.push_back(worker->info.address);
    }
  } else if (const auto workers = request.texts("workers")) {
    for (const std::string& given : *workers) {  // SpecCluster, which Dask's clusters are made of, gives names
      const WorkerPeer* worker = hub.workers.find(given);
      if (!worker) worker = hub.workers.find_by_name(given);
      if (worker) addresses.push_back(worker->info.address);
    }
  } else {
    addresses = to_close(hub, request);
  }
  return addresses;
}

Awaitable<void> retire_workers(Hub& hub, const Request& request, MessageWriter& reply) {
  const bool close = find_bool(request.root(), "close_workers", false);
  const bool remove = find_bool(request.root(), "remove", true);
  const std::vector<std::string> leaving = to_retire(hub, request);
  for (const std::string& address : leaving) give_no_more_tasks(hub, address);
  MessageWriter retired;
  std::size_t count = 0;
  for (const std::string& address : leaving) {
    const bool saved = co_await hand_over_results(hub, address);
    const WorkerPeer* worker = hub.workers.find(address);
    if (!worker || !saved) continue;
    retired.text(address);
    write_worker(retired, *worker);
    ++count;
    if (close || remove) hub.remove_worker(address, true, close);
  }
  reply.map(count).packed(retired.take());
}

void subscribe_worker_status(Hub& hub, const Request& request, MessageWriter& reply) {
  write_identity(reply, hub, request.connection.local_address());
  hub.watchers.add(std::make_shared<Stream>(request.connection.shared_from_this()));
}

constexpr std::array kMembershipOperations = {
    Operation{"heartbeat_worker", heartbeat_worker}, Operation{"unregister", unregister},
    Operation{"set_resources", set_resources},       Operation{"workers_to_close", workers_to_close},
    Operation{"retire_workers", retire_workers},     Operation{"subscribe_worker_status", subscribe_worker_status},
};

}  // namespace

std::span<const Operation> membership_operations() { return kMembershipOperations; }

}  // namespace trireme::launcher::dask
