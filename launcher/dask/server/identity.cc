#include "dask/server/identity.h"

#include <algorithm>
#include <array>

#include <nlohmann/json.hpp>

namespace trireme::launcher::dask {

namespace {

// Python's msgpack refuses text that is not UTF-8, so such bytes (of programs' names and arguments) are replaced.
std::string as_msgpack(const nlohmann::json& json) {
  const std::string text = json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  const auto packed = nlohmann::json::to_msgpack(nlohmann::json::parse(text));
  return {packed.begin(), packed.end()};
}

// What a worker said when it registered, or nil.
void write_said(MessageWriter& out, const WorkerPeer& worker, std::string_view name) {
  const Object* value = find(worker.registration.root(), name);
  out.text(name);
  value ? out.value(worker.registration, *value) : out.nil();
}

std::size_t size_of_extra(const WorkerPeer& worker) { return find_pairs(worker.registration.root(), "extra").size; }

}  // namespace

void write_worker(MessageWriter& out, const WorkerPeer& worker) {
  constexpr std::array kSaid = {"name",     "nthreads", "memory_limit", "resources", "local_directory",
                                "services", "nanny"};
  out.map(6 + kSaid.size() + size_of_extra(worker));
  out.text("type").text("Worker").text("host").text(worker.info.host).text("status").text(worker.status);
  out.text("last_seen").number(worker.last_seen).text("id");
  const Object* name = find(worker.registration.root(), "name");
  name ? out.value(worker.registration, *name) : out.text(worker.info.name);
  for (const char* said : kSaid) write_said(out, worker, said);
  out.text("metrics");
  const Object* metrics = find(worker.metrics.root(), "metrics");
  metrics ? out.value(worker.metrics, *metrics) : out.map(0);
  for (const auto& [extra, value] : find_pairs(worker.registration.root(), "extra"))
    out.value(worker.registration, extra).value(worker.registration, value);
}

void write_identity(MessageWriter& out, Hub& hub, std::string_view address, std::size_t most_workers) {
  const ClusterSnapshot snapshot = hub.source.snapshot();
  std::int64_t threads = 0;
  std::int64_t memory = 0;
  for (const auto& [where, worker] : hub.workers.all()) {
    threads += worker.info.threads;
    memory += worker.info.memory_limit;
  }
  out.map(11).text("type").text("Scheduler").text("id").text(hub.id).text("address").text(address);
  out.text("name").text(hub.settings.cluster_name).text("started").number(snapshot.started);
  // The client's links and representations read services.dashboard and fail without it.
  out.text("services").map(1).text("dashboard").integer(hub.settings.dashboard_port);
  out.text("n_workers").integer(static_cast<std::int64_t>(hub.workers.size()));
  out.text("total_threads").integer(threads).text("total_memory").integer(memory);
  std::size_t left = std::min(most_workers, hub.workers.size());
  out.text("workers").map(left);
  for (const auto& [where, worker] : hub.workers.all()) {
    if (left-- == 0) break;
    out.text(where);
    write_worker(out, worker);
  }
  out.text("trireme").packed(as_msgpack(to_json(snapshot)));
}

}  // namespace trireme::launcher::dask
