#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "dask/coordination/awaited_keys.h"
#include "dask/coordination/claims.h"
#include "dask/coordination/datasets.h"
#include "dask/coordination/events.h"
#include "dask/coordination/flush_barrier.h"
#include "dask/coordination/metadata.h"
#include "dask/coordination/multi_locks.h"
#include "dask/coordination/queues.h"
#include "dask/coordination/semaphores.h"
#include "dask/coordination/topics.h"
#include "dask/coordination/variables.h"
#include "dask/materializer/materializer.h"
#include "dask/server/connection.h"
#include "dask/server/coroutine.h"
#include "dask/server/peers.h"
#include "dask/server/stream_effects.h"
#include "dask/server/tickets.h"
#include "dask/server/worker_calls.h"
#include "dask/server/worker_watchers.h"
#include "dask/tasks/task_scheduler.h"
#include "scheduler/live_task_board.h"
#include "scheduler/snapshot.h"

namespace trireme::launcher::dask {

struct HubSettings {
  std::string cluster_name;
  std::uint16_t dashboard_port = 0;
  ConnectionLimits limits;
  PlacementSettings placement;
  double worker_silence_seconds = 300;  // without a heartbeat: the worker is taken for dead
  LiveTaskBoard* board = nullptr;       // what goes on is shown there; null: nowhere
};

// Seconds for the task scheduler and for timeouts; they never go back.
[[nodiscard]] double steady_seconds();
// Seconds since the epoch, as peers are told.
[[nodiscard]] double epoch_seconds();

// The state of the scheduler that operations read and change. One thread owns all of it.
class Hub {
 public:
  using MakeMaterializer = std::function<std::unique_ptr<Materializer>(Hub&)>;

  Hub(boost::asio::io_context& context, HubSettings settings, Security security, SnapshotSource& source,
      const MakeMaterializer& make_materializer);

  boost::asio::io_context& context;
  const HubSettings settings;
  SnapshotSource& source;
  const std::string id;  // "Scheduler-…"

  Workers workers;
  Clients clients;
  WorkerWatchers watchers;
  StreamEffects effects{workers, clients};
  TaskScheduler tasks;
  WorkerCalls calls;
  Tickets tickets{context};

  Variables variables;
  Queues queues;
  Events events;
  Semaphores semaphores;
  MultiLocks multi_locks;
  Datasets datasets;
  FlushBarrier flushes;
  AwaitedKeys awaited_keys;
  Metadata metadata;
  Topics topics;

  using Plugins = std::map<std::string, Bytes>;  // pickles by name
  Plugins worker_plugins;
  Plugins nanny_plugins;
  std::size_t scatter_turn = 0;  // of the worker that gets the next scattered value
  Message versions;              // of the first peer that told: what `versions` answers

  std::unique_ptr<Materializer> materializer;
  std::size_t waiting_for_any_worker = 0;  // requests to open a graph, where only a worker can

  // Tells the task scheduler what an operation of coordination/ means for it.
  void apply(const Claims& claims);
  // Tasks of these keys are known now: requests that wait for them go on.
  void announce_keys(std::span<const Key> keys);
  // Under these topics, to clients that subscribed. `packed`: what pack_value() made.
  void log_event(const std::string& topic, const Bytes& packed);

  // The worker is gone: its tasks are placed anew, everyone is told. close: it is told to shut down, and its connection
  // ends; else it knows itself when to do so, and starts anew perhaps.
  void remove_worker(std::string_view address, bool expected, bool close);
  void set_worker_status(WorkerPeer& worker, const std::string& status);
  // Everyone who waits here goes on together, when the first has waited for so many seconds.
  [[nodiscard]] Awaitable<void> next_round(double seconds);
  // Until so many seconds have passed.
  [[nodiscard]] Awaitable<void> pause(double seconds);

  // Begins what has to be done from time to time.
  void start();

 private:
  boost::asio::steady_timer round_{context};

  [[nodiscard]] Awaitable<void> tick_tasks();
  [[nodiscard]] Awaitable<void> check_health();
  [[nodiscard]] Awaitable<void> show_board();
};

// A value with the frames it refers to, as bytes to be kept; write_value() puts it into a message again.
[[nodiscard]] Bytes pack_value(const Message& from, const Object* value);
void write_value(MessageWriter& out, const Bytes& packed);

[[nodiscard]] WorkerStatus status_of(std::string_view name);

}  // namespace trireme::launcher::dask
