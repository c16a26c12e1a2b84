// Client.restart() and restart_workers().
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "dask/server/operations/operation.h"

namespace trireme::launcher::dask {

namespace {

constexpr double kDefaultTimeout = 30;
constexpr double kReturnPause = 0.1;

// What became of a worker that was to restart: "OK", "removed" (it has no nanny), "timed out".
using Outcomes = std::map<std::string, std::string>;

Call kill_by_nanny(const WorkerPeer& worker) {
  MessageWriter request;
  request.map(3).text("op").text("kill").text("reply").boolean(true).text("reason").text("restart");
  return {.address = worker.nanny, .request = request.finish()};
}

// A nanny ends its worker and starts another one; a worker without a nanny is told to close.
Awaitable<Outcomes> end_workers(Hub& hub, const std::vector<std::string>& addresses, double timeout) {
  Outcomes outcomes;
  std::vector<std::pair<std::string, std::shared_ptr<Stream>>> with_nanny;
  std::vector<Call> calls;
  for (const std::string& address : addresses) {
    const WorkerPeer* worker = hub.workers.find(address);
    if (!worker) continue;
    if (worker->nanny.empty()) {
      hub.remove_worker(address, true, true);
      outcomes[address] = "removed";
    } else {
      with_nanny.emplace_back(address, worker->stream);
      calls.push_back(kill_by_nanny(*worker));
      hub.set_worker_status(*hub.workers.find(address), "closing");
    }
  }
  const auto results = co_await hub.calls.call_all(std::move(calls), WorkerCalls::Patience(timeout));
  for (std::size_t index = 0; index < with_nanny.size(); ++index) {
    const auto& [address, stream] = with_nanny[index];
    outcomes[address] = results[index].reply ? "OK" : "timed out";
    // Usually its connection has ended by now; afterwards there must be no old worker.
    const WorkerPeer* worker = hub.workers.find(address);
    if (worker && worker->stream == stream) hub.remove_worker(address, true, true);
  }
  co_return outcomes;
}

void raise_late(const Outcomes& outcomes, double timeout) {
  const auto late = std::ranges::count(outcomes, "timed out", [](const auto& outcome) { return outcome.second; });
  if (late > 0)
    throw CallerError("TimeoutError", fmt::format("{}/{} nanny worker(s) did not shut down within {}s", late,
                                                  outcomes.size(), timeout));
}

Awaitable<void> await_workers(Hub& hub, std::size_t count, double deadline) {
  while (hub.workers.size() < count) {
    if (steady_seconds() > deadline)
      throw CallerError("TimeoutError",
                        fmt::format("Waited for {} worker(s) to reconnect after restarting, but only {} "
                                    "have returned. Workers without a nanny do not come back.",
                                    count, hub.workers.size()));
    co_await hub.pause(kReturnPause);
  }
}

Awaitable<void> restart_these(Hub& hub, const Request& request, std::vector<std::string> addresses,
                              MessageWriter* reply) {
  const double timeout = request.seconds("timeout").value_or(kDefaultTimeout);
  const double deadline = steady_seconds() + timeout;
  const std::size_t count = hub.workers.size();
  const Outcomes outcomes = co_await end_workers(hub, addresses, timeout);
  if (find_text(request.root(), "on_error") != "return") raise_late(outcomes, timeout);
  if (find_bool(request.root(), "wait_for_workers", true)) co_await await_workers(hub, count, deadline);
  if (!reply) co_return;
  reply->map(outcomes.size());
  for (const auto& [address, outcome] : outcomes) reply->text(address).text(outcome);
}

std::vector<std::string> all_workers(Hub& hub) {
  std::vector<std::string> addresses;
  for (const auto& [address, worker] : hub.workers.all()) addresses.push_back(address);
  return addresses;
}

Awaitable<void> restart(Hub& hub, const Request& request, MessageWriter&) {
  hub.tasks.forget_everything(steady_seconds());
  hub.clients.for_each([](ClientPeer& client) { client.stream->next().map(1).text("op").text("restart"); });
  std::vector<std::string> addresses = all_workers(hub);
  co_await restart_these(hub, request, std::move(addresses), nullptr);
}

Awaitable<void> restart_workers(Hub& hub, const Request& request, MessageWriter& reply) {
  std::vector<std::string> addresses = request.texts("workers").value_or(all_workers(hub));
  co_await restart_these(hub, request, std::move(addresses), &reply);
}

constexpr std::array kRestartOperations = {
    Operation{"restart", restart},
    Operation{"restart_workers", restart_workers},
};

}  // namespace

std::span<const Operation> restart_operations() { return kRestartOperations; }

}  // namespace trireme::launcher::dask
