// Operations that bring results to clients and data to workers.
#include <algorithm>
#include <array>
#include <map>
#include <set>

#include <fmt/format.h>

#include "dask/server/operations/operation.h"
#include "dask/server/update_data.h"

namespace trireme::launcher::dask {

namespace {

constexpr WorkerCalls::Patience kDataPatience{300};
constexpr double kBusyPause = 0.1;

// Where every key that is still missing may be had.
class GatherPlan {
 public:
  GatherPlan(Hub& hub, std::vector<Key> keys) : hub_(hub), missing_(std::move(keys)) {}

  // One request for each worker that has something; keys that nobody has go to failed().
  [[nodiscard]] std::map<std::string, std::vector<Key>> next() {
    std::map<std::string, std::vector<Key>> plan;
    for (const Key& key : missing_) {
      std::vector<std::string> holders = hub_.tasks.holders_of(key);
      std::erase_if(holders, [&](const std::string& holder) { return useless_.contains({holder, key}); });
      if (holders.empty()) {
        failed_.push_back(key);
      } else {
        plan[holders[turn_++ % holders.size()]].push_back(key);
      }
    }
    missing_.clear();
    return plan;
  }
  // The worker did not give this key: ask another one.
  void retry_elsewhere(const std::string& worker, const Key& key) {
    useless_.emplace(worker, key);
    missing_.push_back(key);
  }
  void retry(const Key& key) { missing_.push_back(key); }
  [[nodiscard]] bool is_complete() const { return missing_.empty(); }
  [[nodiscard]] const std::vector<Key>& failed() const { return failed_; }

 private:
  Hub& hub_;
  std::vector<Key> missing_;
  std::vector<Key> failed_;
  std::set<std::pair<std::string, Key>> useless_;
  std::size_t turn_ = 0;
};

Call get_data(const std::string& worker, const std::vector<Key>& keys) {
  MessageWriter request;
  request.map(4).text("op").text("get_data").text("keys").keys(keys).text("who").nil().text("reply").boolean(true);
  return {.address = worker, .request = request.finish(), .acknowledge = true};
}

// Takes what a worker gave into `found`; the rest is to be asked for again.
void take_data(const std::string& worker, const std::vector<Key>& asked, const CallResult& result, GatherPlan& plan,
               std::map<Key, Opaque>& found) {
  if (result.reply && find_text(result.reply->root(), "status") == "busy") {
    for (const Key& key : asked) plan.retry(key);
    return;
  }
  if (result.ok()) {
    for (const auto& [key, value] : find_pairs(result.reply->root(), "data"))
      found.insert_or_assign(key_of(key), result.reply->opaque(value));
  }
  for (const Key& key : asked) {
    if (!found.contains(key)) plan.retry_elsewhere(worker, key);
  }
}

bool is_busy(const CallResult& result) { return result.reply && find_text(result.reply->root(), "status") == "busy"; }

Awaitable<void> gather(Hub& hub, const Request& request, MessageWriter& reply) {
  GatherPlan plan(hub, keys_of(find_elements(request.root(), "keys")));
  std::map<Key, Opaque> found;
  while (!plan.is_complete()) {
    const auto asked = plan.next();
    std::vector<Call> calls;
    for (const auto& [worker, keys] : asked) calls.push_back(get_data(worker, keys));
    const std::vector<CallResult> results = co_await hub.calls.call_all(std::move(calls), kDataPatience);
    std::size_t index = 0;
    for (const auto& [worker, keys] : asked) take_data(worker, keys, results[index++], plan, found);
    if (std::ranges::any_of(results, is_busy)) co_await hub.pause(kBusyPause);
  }
  if (plan.failed().empty()) {
    reply.map(2).text("status").text("OK").text("data").map(found.size());
    for (const auto& [key, value] : found) reply.key(key).opaque(value);
  } else {
    reply.map(2).text("status").text("error").text("keys").keys(plan.failed());
  }
}

// Running workers among those asked for by address or name, sorted; waits for one until the timeout.
Awaitable<std::vector<std::string>> scatter_targets(Hub& hub, const Request& request) {
  constexpr double kDefaultTimeout = 2;
  constexpr double kWorkerPause = 0.05;
  const double deadline = steady_seconds() + request.seconds("timeout").value_or(kDefaultTimeout);
  const auto wanted = request.texts("workers");
  while (true) {
    std::vector<std::string> targets = hub.workers.running();
    if (wanted) {
      std::erase_if(targets, [&](const std::string& address) {
        const WorkerPeer* worker = hub.workers.find(address);
        return std::ranges::find(*wanted, address) == wanted->end() &&
               std::ranges::find(*wanted, worker->info.name) == wanted->end();
      });
    }
    if (!targets.empty()) co_return targets;
    if (steady_seconds() > deadline) throw CallerError("TimeoutError", "No valid workers found");
    co_await hub.pause(kWorkerPause);
  }
}

// Which values go to which worker, by index: one worker each in turn, or several with broadcast.
std::map<std::string, std::vector<std::size_t>> spread(std::size_t& turn, std::size_t values,
                                                       const std::vector<std::string>& targets, std::size_t copies) {
  std::map<std::string, std::vector<std::size_t>> plan;
  for (std::size_t value = 0; value < values; ++value, ++turn) {
    for (std::size_t copy = 0; copy < copies; ++copy) plan[targets[(turn + copy) % targets.size()]].push_back(value);
  }
  return plan;
}

std::size_t copies_wanted(const Request& request, std::size_t workers) {
  const Object* broadcast = find_value(request.root(), "broadcast");
  if (!broadcast) return 1;
  if (broadcast->type == msgpack::type::BOOLEAN) return broadcast->via.boolean ? workers : 1;
  const double copies = as_number(*broadcast).value_or(1);
  return std::clamp<std::size_t>(static_cast<std::size_t>(std::max(1.0, copies)), 1, workers);
}

Call put_data(const std::string& worker, const Message& message, Pairs data, const std::vector<std::size_t>& chosen) {
  MessageWriter request;
  request.map(3).text("op").text("update_data").text("reply").boolean(true).text("data").map(chosen.size());
  for (const std::size_t index : chosen) request.value(data.first[index].key).value(message, data.first[index].val);
  return {.address = worker, .request = request.finish()};
}

// Holders and sizes of scattered values, by index.
struct Placed {
  std::vector<std::string> workers;
  std::int64_t bytes = 0;
};

Awaitable<void> scatter(Hub& hub, const Request& request, MessageWriter& reply) {
  const Pairs data = find_pairs(request.root(), "data");
  const std::vector<std::string> targets = co_await scatter_targets(hub, request);
  const auto plan = spread(hub.scatter_turn, data.size, targets, copies_wanted(request, targets.size()));
  std::vector<Call> calls;
  for (const auto& [worker, chosen] : plan) calls.push_back(put_data(worker, request.message, data, chosen));
  const std::vector<CallResult> results = co_await hub.calls.call_all(std::move(calls), kDataPatience);

  std::vector<Placed> placed(data.size);
  std::size_t call = 0;
  for (const auto& [worker, chosen] : plan) {
    const CallResult& result = results[call++];
    if (!result.ok()) continue;
    std::map<Key, std::int64_t> sizes;
    for (const auto& [key, size] : find_pairs(result.reply->root(), "nbytes"))
      sizes[key_of(key)] = static_cast<std::int64_t>(as_number(size).value_or(0));
    for (const std::size_t index : chosen) {
      placed[index].workers.push_back(worker);
      placed[index].bytes = sizes[key_of(data.first[index].key)];
    }
  }
  const std::string client(find_text(request.root(), "client").value_or(""));
  for (std::size_t index = 0; index < placed.size(); ++index) {
    if (placed[index].workers.empty()) throw CallerError("OSError", "the workers that were to hold the data are gone");
    hub.tasks.data_scattered(client, key_of(data.first[index].key), placed[index].bytes, {}, placed[index].workers,
                             steady_seconds());
  }
  reply.array(data.size);
  for (const auto& [key, value] : data) reply.value(key);
}

void put_data_known(Hub& hub, const Request& request, MessageWriter&) { update_data(hub, request.root()); }

void retry(Hub& hub, const Request& request, MessageWriter& reply) {
  const std::vector<Key> keys = keys_of(find_elements(request.root(), "keys"));
  for (const Key& key : keys) {
    if (!hub.tasks.state_of(key)) throw CallerError("KeyError", name_of(key));
  }
  reply.keys(hub.tasks.retry(keys, steady_seconds()));
}

constexpr std::array kDataOperations = {
    Operation{"gather", gather},
    Operation{"scatter", scatter},
    Operation{"update_data", put_data_known},
    Operation{"retry", retry},
};

}  // namespace

std::span<const Operation> data_operations() { return kDataOperations; }

}  // namespace trireme::launcher::dask
