#include "dask/server/operations/retirement.h"

#include <algorithm>
#include <vector>

#include <spdlog/spdlog.h>

#include "dask/server/operations/replicas.h"

namespace trireme::launcher::dask {

namespace {

void tell_status(Hub& hub, const std::string& address, const std::string& status) {
  WorkerPeer* worker = hub.workers.find(address);
  if (!worker) return;
  hub.set_worker_status(*worker, status);
  MessageWriter& out = worker->stream->next();
  out.map(3).text("op").text("worker-status-change").text("status").text(status).text("stimulus_id").text("retire");
}

// Results that only this worker holds.
std::vector<Key> sole_keys(Hub& hub, const std::string& address) {
  std::vector<Key> keys = hub.tasks.keys_held_by(address);
  std::erase_if(keys, [&](const Key& key) { return hub.tasks.holders_of(key).size() > 1; });
  return keys;
}

Awaitable<bool> save_results(Hub& hub, const std::string& address) {
  constexpr int kAttempts = 5;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const std::vector<Key> keys = sole_keys(hub, address);
    const std::vector<std::string> running = hub.workers.running();
    if (keys.empty()) co_return true;
    if (running.empty()) co_return false;
    Copies copies;
    for (std::size_t index = 0; index < keys.size(); ++index)
      copies[running[index % running.size()]].push_back(keys[index]);
    co_await copy_data(hub, copies);
  }
  co_return sole_keys(hub, address).empty();
}

// "node1" of "node1" and "node1-0", not of "node10" or "node1-x".
bool is_named(const std::string& worker, const std::string& name) {
  if (!worker.starts_with(name)) return false;
  const std::string rest = worker.substr(name.size());
  return rest.empty() ||
         (rest.size() > 1 && rest[0] == '-' && rest.find_first_not_of("0123456789", 1) == std::string::npos);
}

}  // namespace

void give_no_more_tasks(Hub& hub, const std::string& address) { tell_status(hub, address, "closing_gracefully"); }

Awaitable<bool> hand_over_results(Hub& hub, std::string address) {
  const bool saved = co_await save_results(hub, address);
  if (!saved && hub.workers.find(address)) {
    spdlog::warn("event=dask_worker_not_retired worker={} reason=\"nobody can take its results\"", address);
    tell_status(hub, address, "running");
  }
  co_return saved;
}

Awaitable<void> retire_named(Hub& hub, std::string name) {
  std::vector<std::string> leaving;
  for (const auto& [address, worker] : hub.workers.all()) {
    if (is_named(worker.info.name, name)) leaving.push_back(address);
  }
  for (const std::string& address : leaving) give_no_more_tasks(hub, address);
  for (const std::string& address : leaving) {
    if (co_await hand_over_results(hub, address)) spdlog::info("event=dask_worker_retired worker={}", address);
  }
}

}  // namespace trireme::launcher::dask
