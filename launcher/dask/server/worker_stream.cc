#include "dask/server/worker_stream.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "dask/server/address.h"
#include "dask/server/reading_pace.h"
#include "dask/server/task_board_writer.h"

namespace trireme::launcher::dask {

namespace {

// What an operation of the stream may need.
struct WorkerContext {
  Hub& hub;
  const std::string& worker;
  const Message& message;
  const Object& operation;
  double now;

  [[nodiscard]] Key key() const {
    const Object* value = find(operation, "key");
    return value ? key_of(*value) : Key();
  }
  [[nodiscard]] std::vector<Key> keys() const { return keys_of(find_elements(operation, "keys")); }
  [[nodiscard]] std::int64_t run_id() const { return find_integer(operation, "run_id", -1); }
  [[nodiscard]] std::string_view text(std::string_view name) const { return find_text(operation, name).value_or(""); }
  [[nodiscard]] Opaque opaque(std::string_view name) const {
    const Object* value = find_value(operation, name);
    return value ? message.opaque(*value) : Opaque();
  }
};

void task_finished(const WorkerContext& context) {
  TaskResult result{.key = context.key(), .run_id = context.run_id()};
  result.bytes = find_integer(context.operation, "nbytes", 0);
  if (const Object* type = find(context.operation, "type")) result.type = context.message.bytes(*type);
  result.type_name = context.text("typename");
  for (const Object& span : find_elements(context.operation, "startstops")) {
    if (find_text(span, "action") != "compute") continue;
    result.started = find_number(span, "start", 0);
    result.stopped = find_number(span, "stop", 0);
  }
  write_spans(context.hub, context.operation, result.key, context.worker, false);
  context.hub.tasks.task_finished(context.worker, result, context.now);
}

void task_erred(const WorkerContext& context) {
  write_spans(context.hub, context.operation, context.key(), context.worker, true);
  context.hub.tasks.task_erred(context.worker,
                               {.key = context.key(),
                                .run_id = context.run_id(),
                                .exception = detached(context.opaque("exception")),
                                .traceback = detached(context.opaque("traceback")),
                                .exception_text = std::string(context.text("exception_text")),
                                .traceback_text = std::string(context.text("traceback_text"))},
                               context.now);
}

void release_data(const WorkerContext& context) {
  context.hub.tasks.data_released(context.worker, context.key(), context.now);
}

void add_keys(const WorkerContext& context) {
  context.hub.tasks.data_added(context.worker, context.keys(), context.now);
}

void long_running(const WorkerContext& context) {
  const double seconds = find_number(context.operation, "compute_duration", -1);
  context.hub.tasks.task_long_running(context.worker, context.key(), context.run_id(), seconds, context.now);
}

// Workers do not say which run it was.
void reschedule(const WorkerContext& context) {
  const std::int64_t run = find_integer(context.operation, "run_id", 0);
  context.hub.tasks.task_rescheduled(context.worker, context.key(), run, context.now);
}

void refresh_who_has(const WorkerContext& context) {
  context.hub.tasks.who_has_requested(context.worker, context.keys());
}

void change_status(const WorkerContext& context) {
  WorkerPeer* worker = context.hub.workers.find(context.worker);
  if (worker) context.hub.set_worker_status(*worker, std::string(context.text("status")));
}

void answer_steal(const WorkerContext& context) {
  context.hub.tasks.steal_answered(context.worker, context.key(), context.text("state"), context.text("stimulus_id"),
                                   context.now);
}

// A map is told under another topic than the worker's own together with the worker's address.
Bytes event_of(const WorkerContext& context, const std::string& topic) {
  const Object* said = find(context.operation, "msg");
  if (!said || said->type != msgpack::type::MAP || topic == context.worker || reference_of(*said).frame != 0)
    return pack_value(context.message, said);
  MessageWriter out;
  out.map(pairs(*said).size + 1);
  for (const auto& [name, value] : pairs(*said)) out.value(name).value(context.message, value);
  out.text("worker").text(context.worker);
  return Bytes(out.finish().joined());
}

void log_worker_event(const WorkerContext& context) {
  const Object* topics = find(context.operation, "topic");
  if (!topics) return;
  const bool is_one = topics->type == msgpack::type::STR;
  for (const Object& topic : is_one ? Elements{topics, 1} : elements(*topics)) {
    const std::string name = name_of(key_of(topic));
    context.hub.log_event(name, event_of(context, name));
  }
}

void keep_alive(const WorkerContext&) {}

struct WorkerOperation {
  std::string_view name;
  void (*apply)(const WorkerContext& context);
};

constexpr std::array kWorkerOperations = {
    WorkerOperation{"task-finished", task_finished},
    WorkerOperation{"task-erred", task_erred},
    WorkerOperation{"release-worker-data", release_data},
    WorkerOperation{"add-keys", add_keys},
    WorkerOperation{"long-running", long_running},
    WorkerOperation{"reschedule", reschedule},
    WorkerOperation{"request-refresh-who-has", refresh_who_has},
    WorkerOperation{"worker-status-change", change_status},
    WorkerOperation{"steal-response", answer_steal},
    WorkerOperation{"log-event", log_worker_event},
    WorkerOperation{"keep-alive", keep_alive},
};

void apply_operation(const WorkerContext& context) {
  const std::string_view name = context.text("op");
  const auto found = std::ranges::find(kWorkerOperations, name, &WorkerOperation::name);
  if (found != kWorkerOperations.end()) return found->apply(context);
  spdlog::info("event=dask_unknown_operation worker={} op={}", context.worker, name.substr(0, 64));
}

WorkerInfo info_of(const Object& registration) {
  WorkerInfo info{.address = std::string(find_text(registration, "address").value_or(""))};
  const Object* name = find_value(registration, "name");
  info.name = name ? name_of(key_of(*name)) : info.address;
  info.host = host_of(info.address);
  info.threads = std::max<std::int64_t>(1, find_integer(registration, "nthreads", 1));
  info.memory_limit = find_integer(registration, "memory_limit", 0);
  info.resources = resources_of(registration);
  return info;
}

void write_plugins(MessageWriter& out, const Hub::Plugins& plugins) {
  out.map(plugins.size());
  for (const auto& [name, plugin] : plugins) out.text(name).bytes(plugin.view());
}

void refuse_worker(Connection& connection, const WorkerInfo& info) {
  spdlog::warn("event=dask_worker_refused worker={} name={} reason=\"taken\"", info.address, info.name);
  MessageWriter out;
  out.map(3).text("status").text("error").text("message").text(fmt::format("name taken, {}", info.name));
  out.text("time").number(epoch_seconds());
  connection.send(out.finish());
}

void welcome_worker(Hub& hub, Connection& connection) {
  MessageWriter out;
  out.map(6).text("status").text("OK").text("time").number(epoch_seconds());
  out.text("heartbeat-interval").number(heartbeat_seconds(hub.workers.size())).text("worker-plugins");
  write_plugins(out, hub.worker_plugins);
  out.text("warning").text("").text("error").text("");
  connection.send(out.finish());
}

void admit_worker(Hub& hub, const std::shared_ptr<Stream>& stream, const WorkerInfo& info,
                  const Message& registration) {
  const Object& said = registration.root();
  WorkerPeer worker{.info = info, .registration = registration, .metrics = registration};
  worker.nanny = find_text(said, "nanny").value_or("");
  worker.last_seen = epoch_seconds();
  worker.stream = stream;
  hub.watchers.tell_added(hub.workers.add(std::move(worker)));
  if (hub.versions.frames().empty()) hub.versions = registration;
  welcome_worker(hub, stream->connection());
  hub.tasks.add_worker(info, steady_seconds());
  hub.set_worker_status(*hub.workers.find(info.address), std::string(find_text(said, "status").value_or("init")));
  spdlog::info("event=dask_worker worker={} name={} threads={}", info.address, info.name, info.threads);
}

Elements operations_in(const Message& message) {
  const bool is_one = message.root().type == msgpack::type::MAP;
  return is_one ? Elements{&message.root(), 1} : elements(message.root());
}

// True once the worker says that it closes the stream.
bool apply_all(Hub& hub, const std::string& worker, const Message& message) {
  const double now = steady_seconds();
  for (const Object& operation : operations_in(message)) {
    if (find_text(operation, "op") == "close-stream") return true;
    apply_operation({hub, worker, message, operation, now});
  }
  return false;
}

// Until the worker says goodbye. While it is busy, what it sends is read in rounds.
Awaitable<void> read_worker(Hub& hub, Connection& connection, const WorkerInfo& info) {
  ReadingPace pace;
  std::optional<Message> message;
  while (true) {
    if (!message) {
      connection.wake_for_input(true);
      message = co_await connection.read();
    }
    std::size_t count = 0;
    for (; message; message = connection.next_of_those_read()) {
      if (apply_all(hub, info.address, *message)) co_return;
      count += operations_in(*message).size;
    }
    if (!connection.has_read_all()) continue;
    pace.note(steady_seconds(), count, static_cast<double>(info.threads));
    const double wait = pace.wait(hub.tasks.work_ahead_of(info.address), hub.tasks.has_idle_workers());
    if (wait == 0) continue;
    connection.wake_for_input(false);
    co_await hub.next_round(wait);
    hub.tasks.expect_news(info.address);
    message = connection.read_now();
  }
}

bool is_leaving(const WorkerPeer& worker) {
  const WorkerStatus status = status_of(worker.status);
  return status == WorkerStatus::kClosing || status == WorkerStatus::kClosingGracefully;
}

}  // namespace

double heartbeat_seconds(std::size_t workers) {
  if (workers <= 10) return 0.5;
  if (workers < 50) return 1;
  if (workers < 200) return 2;
  return static_cast<double>(workers) / 200 + 1;
}

WorkerLoad load_of(const Object& message) {
  WorkerLoad load;
  if (const Object* metrics = find(message, "metrics")) {
    load.memory = find_integer(*metrics, "memory", 0);
    if (const Object* bandwidth = find(*metrics, "bandwidth")) load.bandwidth = find_number(*bandwidth, "total", 0);
  }
  for (const auto& [key, seconds] : find_pairs(message, "executing")) load.executing.push_back(key_of(key));
  return load;
}

std::map<std::string, double> resources_of(const Object& message) {
  std::map<std::string, double> resources;
  for (const auto& [name, amount] : find_pairs(message, "resources"))
    resources[name_of(key_of(name))] = as_number(amount).value_or(0);
  return resources;
}

Awaitable<void> serve_worker(Hub& hub, std::shared_ptr<Connection> connection, const Message& registration) {
  const WorkerInfo info = info_of(registration.root());
  if (!parse_address(info.address)) throw MessageError("a worker without an address");
  if (hub.workers.find(info.address) || hub.workers.find_by_name(info.name)) {
    refuse_worker(*connection, info);
    co_await connection->written();
    co_return;
  }
  const auto stream = std::make_shared<Stream>(connection);
  admit_worker(hub, stream, info, registration);
  std::exception_ptr failure;
  bool says_goodbye = false;
  try {
    co_await read_worker(hub, *connection, info);
    says_goodbye = true;
  } catch (...) {
    failure = std::current_exception();
  }
  // It may have been removed, and have come back, meanwhile.
  const WorkerPeer* worker = hub.workers.find(info.address);
  if (worker && worker->stream == stream) hub.remove_worker(info.address, says_goodbye || is_leaving(*worker), false);
  if (failure) std::rethrow_exception(failure);
}

Awaitable<void> serve_nanny(Hub& hub, std::shared_ptr<Connection> connection, const Message&) {
  MessageWriter out;
  out.map(2).text("status").text("OK").text("nanny-plugins");
  write_plugins(out, hub.nanny_plugins);
  connection->send(out.finish());
  const Message started = co_await connection->read();
}

}  // namespace trireme::launcher::dask
