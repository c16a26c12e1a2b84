#include "dask/server/task_board_writer.h"

#include <algorithm>

#include "dask/tasks/prefix_statistics.h"

namespace trireme::launcher::dask {

namespace {

TaskStates states_of(const TaskCounts& counts) {
  return {.released = counts.released,
          .waiting = counts.waiting,
          .queued = counts.queued,
          .processing = counts.processing,
          .memory = counts.memory,
          .erred = counts.erred};
}

TaskWorkerView board_row(const WorkerView& view, const WorkerPeer& peer) {
  const Object* metrics = find(peer.metrics.root(), "metrics");
  return {.address = peer.info.address,
          .name = peer.info.name,
          .status = peer.status,
          .threads = view.threads,
          .memory_limit = view.memory_limit,
          .memory = metrics ? find_integer(*metrics, "memory", 0) : 0,
          .cpu = metrics ? find_number(*metrics, "cpu", 0) : 0,
          .processing = view.processing,
          .in_memory = view.in_memory,
          .held_bytes = view.held_bytes,
          .occupancy = view.occupancy,
          .last_seen = peer.last_seen};
}

}  // namespace

TaskBoard task_board_of(Hub& hub) {
  TaskBoard board{.clients = hub.clients.size(), .totals = states_of(hub.tasks.counts())};
  for (const WorkerView& view : hub.tasks.workers()) {
    if (const WorkerPeer* peer = hub.workers.find(view.address)) board.workers.push_back(board_row(view, *peer));
  }
  for (const PrefixView& prefix : hub.tasks.prefixes()) {
    board.prefixes.push_back(
        {.name = std::string(prefix.name), .states = states_of(prefix.counts), .seconds = prefix.seconds});
  }
  std::ranges::sort(board.workers, {}, &TaskWorkerView::address);
  std::ranges::sort(board.prefixes, {}, &TaskPrefixView::name);
  return board;
}

void write_spans(Hub& hub, const Object& said, const Key& key, std::string_view worker, bool erred) {
  if (hub.settings.board == nullptr) return;
  for (const Object& span : find_elements(said, "startstops")) {
    if (find_text(span, "action") != "compute") continue;
    const WorkerPeer* peer = hub.workers.find(worker);
    hub.settings.board->add({.prefix = tasks::prefix_name(key.packed()),
                             .worker = peer ? peer->info.name : std::string(worker),
                             .thread = static_cast<std::uint64_t>(find_integer(said, "thread", 0)),
                             .begin = find_number(span, "start", 0),
                             .end = find_number(span, "stop", 0),
                             .erred = erred});
  }
}

}  // namespace trireme::launcher::dask
