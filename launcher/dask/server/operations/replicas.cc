// Operations that copy and move results between workers.
#include "dask/server/operations/replicas.h"

#include <algorithm>
#include <array>
#include <set>

#include "dask/server/operations/operation.h"

namespace trireme::launcher::dask {

namespace {

constexpr WorkerCalls::Patience kCopyPatience{300};

Call fetch(Hub& hub, const std::string& worker, const std::vector<Key>& keys) {
  MessageWriter request;
  request.map(3).text("op").text("gather").text("reply").boolean(true).text("who_has").map(keys.size());
  for (const Key& key : keys) {
    const auto holders = hub.tasks.holders_of(key);
    request.key(key).array(holders.size());
    for (const std::string& holder : holders) request.text(holder);
  }
  return {.address = worker, .request = request.finish()};
}

// Keys of those asked for that the worker has now.
std::vector<Key> fetched(const CallResult& result, std::vector<Key> asked) {
  if (!result.reply) return {};
  const auto status = find_text(result.reply->root(), "status");
  if (status == "OK") return asked;
  if (status != "partial-fail") return {};
  const std::vector<Key> failed = keys_of(find_elements(result.reply->root(), "keys"));
  std::erase_if(asked, [&](const Key& key) { return std::ranges::find(failed, key) != failed.end(); });
  return asked;
}

// Running workers, of those that `workers` names if it names any.
std::vector<std::string> chosen_running(Hub& hub, const Request& request) {
  std::vector<std::string> running = hub.workers.running();
  const auto wanted = request.texts("workers");
  if (!wanted) return running;
  std::erase_if(running, [&](const std::string& address) {
    return std::ranges::find(*wanted, address) == wanted->end() &&
           std::ranges::find(*wanted, hub.workers.find(address)->info.name) == wanted->end();
  });
  return running;
}

// One generation of a tree of copies: every key that lacks some goes to as many workers as have it, times `branching`.
Copies next_copies(Hub& hub, const std::vector<Key>& keys, const std::vector<std::string>& workers, std::size_t wanted,
                   std::size_t branching) {
  Copies copies;
  std::size_t turn = 0;
  for (const Key& key : keys) {
    const auto holders = hub.tasks.holders_of(key);
    const std::set<std::string> have(holders.begin(), holders.end());
    const auto held = static_cast<std::size_t>(
        std::ranges::count_if(workers, [&](const std::string& worker) { return have.contains(worker); }));
    std::size_t missing = held < wanted ? std::min(wanted - held, branching * have.size()) : 0;
    for (std::size_t step = 0; step < workers.size() && missing > 0; ++step) {
      const std::string& worker = workers[turn++ % workers.size()];
      if (have.contains(worker)) continue;
      copies[worker].push_back(key);
      --missing;
    }
  }
  return copies;
}

// Replicas beyond the wanted number are dropped.
void drop_extra(Hub& hub, const std::vector<Key>& keys, const std::vector<std::string>& workers, std::size_t wanted) {
  for (const Key& key : keys) {
    std::size_t kept = 0;
    for (const std::string& holder : hub.tasks.holders_of(key)) {
      if (std::ranges::find(workers, holder) == workers.end() || ++kept <= wanted) continue;
      hub.effects.remove_replicas(holder, std::span(&key, 1));
    }
  }
}

Awaitable<void> replicate(Hub& hub, const Request& request, MessageWriter& reply) {
  const std::vector<Key> keys = keys_of(find_elements(request.root(), "keys"));
  const std::vector<std::string> workers = chosen_running(hub, request);
  const auto limit = static_cast<std::int64_t>(workers.size());
  const auto wanted = std::clamp<std::int64_t>(find_integer(request.root(), "n", limit), 0, limit);
  const auto branching = std::max<std::int64_t>(1, find_integer(request.root(), "branching_factor", 2));
  if (wanted == 0) throw CallerError("ValueError", "Can not use replicate to delete data");
  std::vector<Key> missing;
  std::ranges::copy_if(keys, std::back_inserter(missing),
                       [&](const Key& key) { return hub.tasks.holders_of(key).empty(); });
  if (!missing.empty()) {
    reply.map(2).text("status").text("partial-fail").text("keys").keys(missing);
    co_return;
  }
  drop_extra(hub, keys, workers, static_cast<std::size_t>(wanted));
  // Each generation adds a copy at least of every key that lacks one, unless workers fail.
  for (std::size_t generation = 0; generation < workers.size(); ++generation) {
    const Copies copies =
        next_copies(hub, keys, workers, static_cast<std::size_t>(wanted), static_cast<std::size_t>(branching));
    if (copies.empty()) break;
    co_await copy_data(hub, copies);
  }
}

struct Load {
  std::string worker;
  std::int64_t bytes = 0;
};

struct Move {
  Key key;
  std::string from;
  std::string to;
};

// Moves of sole replicas from the fullest worker to the emptiest, until none would make them more alike.
std::vector<Move> plan_moves(Hub& hub, std::vector<Key> keys, const std::vector<std::string>& workers) {
  std::map<std::string, std::int64_t> bytes;
  for (const std::string& worker : workers) bytes[worker] = 0;
  for (const WorkerView& worker : hub.tasks.workers()) {
    if (const auto found = bytes.find(std::string(worker.address)); found != bytes.end())
      found->second = worker.held_bytes;
  }
  std::ranges::sort(keys, std::greater{}, [&](const Key& key) { return hub.tasks.bytes_of(key); });
  std::vector<Move> moves;
  for (const Key& key : keys) {
    const auto holders = hub.tasks.holders_of(key);
    if (holders.size() != 1 || !bytes.contains(holders[0])) continue;
    const auto emptiest = std::ranges::min_element(bytes, {}, [](const auto& entry) { return entry.second; });
    const std::int64_t size = hub.tasks.bytes_of(key);
    if (bytes[holders[0]] - emptiest->second < 2 * size || size == 0) continue;
    bytes[holders[0]] -= size;
    emptiest->second += size;
    moves.push_back({key, holders[0], emptiest->first});
  }
  return moves;
}

Awaitable<void> rebalance(Hub& hub, const Request& request, MessageWriter& reply) {
  const Object* asked = find_value(request.root(), "keys");
  const std::vector<Key> keys = asked ? keys_of(elements(*asked)) : hub.tasks.keys_in_memory();
  std::vector<Key> missing;
  std::ranges::copy_if(keys, std::back_inserter(missing),
                       [&](const Key& key) { return hub.tasks.holders_of(key).empty(); });
  if (!missing.empty()) {
    reply.map(2).text("status").text("partial-fail").text("keys").keys(missing);
    co_return;
  }
  const std::vector<std::string> workers = chosen_running(hub, request);
  const std::vector<Move> moves = plan_moves(hub, keys, workers);
  Copies copies;
  for (const Move& move : moves) copies[move.to].push_back(move.key);
  co_await copy_data(hub, copies);
  for (const Move& move : moves) {
    if (hub.tasks.holders_of(move.key).size() > 1) hub.effects.remove_replicas(move.from, std::span(&move.key, 1));
  }
  reply.map(1).text("status").text("OK");
}

constexpr std::array kReplicaOperations = {
    Operation{"replicate", replicate},
    Operation{"rebalance", rebalance},
};

}  // namespace

Awaitable<void> copy_data(Hub& hub, const Copies& copies) {
  std::vector<Call> calls;
  for (const auto& [worker, keys] : copies) calls.push_back(fetch(hub, worker, keys));
  const std::vector<CallResult> results = co_await hub.calls.call_all(std::move(calls), kCopyPatience);
  std::size_t index = 0;
  for (const auto& [worker, keys] : copies) {
    const std::vector<Key> got = fetched(results[index++], keys);
    hub.tasks.data_added(worker, got, steady_seconds());
  }
}

std::span<const Operation> replica_operations() { return kReplicaOperations; }

}  // namespace trireme::launcher::dask
