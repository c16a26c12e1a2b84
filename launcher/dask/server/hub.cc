#include "dask/server/hub.h"

#include <chrono>
#include <random>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <boost/asio/detached.hpp>

#include "dask/server/task_board_writer.h"
#include "dask/wire/pickle_writer.h"

namespace trireme::launcher::dask {

namespace {

namespace asio = boost::asio;

constexpr double kTickSeconds = 0.1;
constexpr double kHealthSeconds = 1;
constexpr double kBoardSeconds = 0.4;

std::string make_id() {
  std::random_device random;
  return fmt::format("Scheduler-{:08x}{:08x}", random(), random());
}

Opaque pickle(std::string pickle) { return {.kind = Opaque::Kind::kBin, .header = Bytes(std::move(pickle))}; }

ExceptionWriters exception_writers() {
  return {.killed_worker =
              [](const Key& key, std::string_view worker, std::uint32_t allowed) {
                return pickle(pickled_killed_worker(name_of(key), worker, allowed));
              },
          .actor_lost =
              [](const Key& key) {
                return pickle(
                    pickled_exception("RuntimeError", fmt::format("Worker holding Actor was lost: {}", name_of(key))));
              }};
}

// What makes a worker take part in P2P shuffles; each worker has it from its registration on.
Bytes shuffle_plugin() { return Bytes(pickled_instance("distributed.shuffle._worker_plugin", "ShuffleWorkerPlugin")); }

std::chrono::steady_clock::duration duration_of(double seconds) {
  return std::chrono::duration_cast<std::chrono::steady_clock::duration>(std::chrono::duration<double>(seconds));
}

template <class Clock>
double seconds_of() {
  return std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
}

}  // namespace

double steady_seconds() { return seconds_of<std::chrono::steady_clock>(); }

double epoch_seconds() { return seconds_of<std::chrono::system_clock>(); }

Hub::Hub(asio::io_context& io_context, HubSettings hub_settings, Security security, SnapshotSource& snapshot_source,
         const MakeMaterializer& make_materializer)
    : context(io_context),
      settings(std::move(hub_settings)),
      source(snapshot_source),
      id(make_id()),
      tasks(effects, settings.placement, exception_writers()),
      calls(context, std::move(security), settings.limits),
      worker_plugins{{"shuffle", shuffle_plugin()}},
      materializer(make_materializer(*this)) {}

void Hub::apply(const Claims& claims) {
  const double now = steady_seconds();
  for (const Claim& claim : claims.desired) tasks.desire_keys(claim.holder, std::span(&claim.key, 1), now);
  for (const Claim& claim : claims.released) tasks.release_keys(claim.holder, std::span(&claim.key, 1), now);
}

void Hub::announce_keys(std::span<const Key> keys) {
  if (!awaited_keys.empty()) tickets.answer(awaited_keys.arrive(keys), true);
}

void Hub::log_event(const std::string& topic, const Bytes& packed) {
  const double now = epoch_seconds();
  for (const std::string& subscriber : topics.log(topic, packed, now)) {
    ClientPeer* client = clients.find(subscriber);
    if (!client) continue;
    MessageWriter& out = client->stream->next();
    out.map(3).text("op").text("event").text("topic").text(topic).text("event").array(2).number(now);
    write_value(out, packed);
  }
}

void Hub::remove_worker(std::string_view address, bool expected, bool close) {
  WorkerPeer* worker = workers.find(address);
  if (!worker) return;
  spdlog::info("event=dask_worker_gone worker={} name={} expected={}", worker->info.address, worker->info.name,
               expected);
  const std::shared_ptr<Stream> stream = worker->stream;
  const std::string gone = worker->info.address;
  if (close) stream->next().map(2).text("op").text("close").text("reason").text("scheduler-remove-worker");
  workers.remove(gone);
  watchers.tell_removed(gone);
  calls.forget(gone);
  tasks.remove_worker(gone, expected, steady_seconds());
  if (close) stream->close();
}

void Hub::set_worker_status(WorkerPeer& worker, const std::string& status) {
  worker.status = status;
  tasks.set_worker_status(worker.info.address, status_of(status), steady_seconds());
}

Awaitable<void> Hub::next_round(double seconds) {
  const auto now = std::chrono::steady_clock::now();
  const auto latest = now + duration_of(seconds);
  if (round_.expiry() <= now || round_.expiry() > latest) round_.expires_at(latest);
  boost::system::error_code error;
  do {  // again when somebody makes it earlier
    co_await round_.async_wait(asio::redirect_error(asio::use_awaitable, error));
  } while (error == asio::error::operation_aborted);
}

Awaitable<void> Hub::pause(double seconds) {
  asio::steady_timer timer(context);
  timer.expires_after(duration_of(seconds));
  co_await timer.async_wait(asio::use_awaitable);
}

void Hub::start() {
  asio::co_spawn(context, tick_tasks(), asio::detached);
  asio::co_spawn(context, check_health(), asio::detached);
  if (settings.board != nullptr) asio::co_spawn(context, show_board(), asio::detached);
}

Awaitable<void> Hub::tick_tasks() {
  while (true) {
    co_await pause(kTickSeconds);
    tasks.tick(steady_seconds());
  }
}

Awaitable<void> Hub::show_board() {
  while (true) {
    settings.board->show(task_board_of(*this));
    co_await pause(kBoardSeconds);
  }
}

// Ends leases nobody refreshed and gives up workers that are silent.
Awaitable<void> Hub::check_health() {
  while (true) {
    co_await pause(kHealthSeconds);
    tickets.answer(semaphores.expire(steady_seconds()), true);
    std::vector<std::string> silent;
    const double oldest = epoch_seconds() - settings.worker_silence_seconds;
    for (const auto& [address, worker] : workers.all()) {
      if (worker.last_seen < oldest) silent.push_back(address);
    }
    for (const std::string& address : silent) {
      spdlog::warn("event=dask_worker_silent worker={} seconds={}", address, settings.worker_silence_seconds);
      remove_worker(address, false, true);
    }
  }
}

Bytes pack_value(const Message& from, const Object* value) {
  MessageWriter out;
  value ? out.value(from, *value) : out.nil();
  return Bytes(out.finish().joined());
}

void write_value(MessageWriter& out, const Bytes& packed) { out.value(Message::decode(frames_of(packed))); }

WorkerStatus status_of(std::string_view name) {
  if (name == "init") return WorkerStatus::kInit;
  if (name == "running") return WorkerStatus::kRunning;
  if (name == "paused") return WorkerStatus::kPaused;
  if (name == "closing_gracefully") return WorkerStatus::kClosingGracefully;
  return WorkerStatus::kClosing;
}

}  // namespace trireme::launcher::dask
