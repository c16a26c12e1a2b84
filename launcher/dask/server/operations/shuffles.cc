// P2P shuffles: what workers that take part ask of the scheduler. Rows and chunks travel between workers only.
#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "dask/server/operations/broadcast.h"
#include "dask/server/operations/operation.h"
#include "dask/wire/pickle_writer.h"

namespace trireme::launcher::dask {

namespace {

constexpr int kFruitlessAttempts = 3;
constexpr double kAttemptPause = 0.1;

// Dask knows a shuffle's barrier by its name.
Key barrier_of(const Request& request, std::string_view name) {
  return text_key(fmt::format("shuffle-barrier-{}", request.text(name)));
}

// The worker drops its part, or runs its task again, as it sees fit.
void write_inconsistent(MessageWriter& reply, const std::string& text) {
  reply.map(6).text("status").text("error").text("message").text(text).text("exception");
  reply.bytes(pickled_exception("distributed.shuffle._exceptions", "P2PConsistencyError", text));
  reply.text("traceback").nil().text("exception_text").text(text).text("traceback_text").text("");
}

void write_run(MessageWriter& reply, const Shuffle* shuffle, const std::string& why_not) {
  if (!shuffle) return write_inconsistent(reply, why_not);
  const ShuffleSpec& spec = shuffle->spec;
  reply.map(2).text("status").text("OK").text("run_spec");
  reply.pickled(
      Bytes(pickled_shuffle_run(shuffle->run->number, spec.pickled.view(), spec.partitions, shuffle->run->workers)));
}

void shuffle_get(Hub& hub, const Request& request, MessageWriter& reply) {
  const Shuffle* shuffle = hub.tasks.join_shuffle(barrier_of(request, "id"), request.text("worker"));
  write_run(reply, shuffle, fmt::format("No active shuffle with id='{}' found", request.text("id")));
}

void shuffle_get_or_create(Hub& hub, const Request& request, MessageWriter& reply) {
  const Key task = request.key("key");
  const Shuffle* shuffle = hub.tasks.begin_shuffle(barrier_of(request, "shuffle_id"), request.text("worker"), task);
  const std::string why_not = fmt::format("{} cannot begin shuffle {}: it is not being run, or the shuffle is unknown",
                                          text_of(task), request.text("shuffle_id"));
  write_run(reply, shuffle, why_not);
}

void shuffle_restrict_task(Hub& hub, const Request& request, MessageWriter& reply) {
  const std::int64_t run = find_integer(request.root(), "run_id", 0);
  const bool is_pinned = hub.tasks.pin_output(barrier_of(request, "id"), run, request.key("key"),
                                              request.text("worker"), steady_seconds());
  if (!is_pinned) return write_inconsistent(reply, fmt::format("run {} of the shuffle is over", run));
  reply.map(1).text("status").text("OK");
}

Outgoing inputs_done(const std::string& shuffle, std::int64_t run) {
  MessageWriter out;
  out.map(4).text("op").text("shuffle_inputs_done").text("reply").boolean(true);
  out.text("shuffle_id").text(shuffle).text("run_id").integer(run);
  return out.finish();
}

// Null once this run is over.
const ShuffleRun* find_run(Hub& hub, const Key& barrier, std::int64_t number) {
  const Shuffle* shuffle = hub.tasks.find_shuffle(barrier);
  return shuffle && shuffle->run && shuffle->run->number == number ? &*shuffle->run : nullptr;
}

// Tells these workers; those that could not be reached are returned. Throws CallerError for one that fails.
Awaitable<std::vector<std::string>> tell_inputs_done(Hub& hub, std::vector<std::string> workers,
                                                     const std::string& shuffle, std::int64_t run) {
  std::vector<Call> calls;
  for (const std::string& worker : workers) calls.push_back({.address = worker, .request = inputs_done(shuffle, run)});
  const Replies replies = co_await hub.calls.call_all(std::move(calls), kUserPatience);
  std::vector<std::string> unreached;
  for (std::size_t index = 0; index < replies.size(); ++index) {
    const auto& reply = replies[index].reply;
    if (!reply) {
      unreached.push_back(workers[index]);
    } else if (!reply->root().is_nil()) {
      refuse(fmt::format("worker {} failed during the barrier of shuffle {}: {}", workers[index], shuffle,
                         find_text(reply->root(), "exception_text").value_or("it did not say why")));
    }
  }
  co_return unreached;
}

// All transfers are done: every participant sends what it still holds back, and only then do outputs begin.
Awaitable<void> shuffle_barrier(Hub& hub, const Request& request, MessageWriter&) {
  const std::string id = request.text("id");
  const Key barrier = barrier_of(request, "id");
  const std::int64_t number = find_integer(request.root(), "run_id", 0);
  const ShuffleRun* run = find_run(hub, barrier, number);
  if (!run) throw CallerError("ValueError", fmt::format("run {} of shuffle {} is over", number, id));
  if (!find_bool(request.root(), "consistent", true)) {
    spdlog::warn("event=dask_shuffle_restarted shuffle={} reason=\"transfers of several runs\"", id);
    hub.tasks.restart_shuffle(barrier, number, steady_seconds());
    co_return;
  }
  std::vector<std::string> workers(run->participants.begin(), run->participants.end());
  for (int fruitless = 0; !workers.empty();) {
    const std::size_t before = workers.size();
    workers = co_await tell_inputs_done(hub, std::move(workers), id, number);
    if (workers.empty()) break;
    fruitless = workers.size() == before ? fruitless + 1 : 0;
    if (fruitless >= kFruitlessAttempts) refuse(fmt::format("{} cannot be reached for shuffle {}", workers[0], id));
    co_await hub.pause(kAttemptPause);
    if (!find_run(hub, barrier, number)) refuse(fmt::format("a worker left during shuffle {}", id));
  }
}

constexpr std::array kShuffleOperations = {
    Operation{"shuffle_get", shuffle_get},
    Operation{"shuffle_get_or_create", shuffle_get_or_create},
    Operation{"shuffle_restrict_task", shuffle_restrict_task},
    Operation{"shuffle_barrier", shuffle_barrier},
};

}  // namespace

std::span<const Operation> shuffle_operations() { return kShuffleOperations; }

}  // namespace trireme::launcher::dask
