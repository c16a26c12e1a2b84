#include "dask/server/client_stream.h"

#include <algorithm>
#include <array>
#include <utility>

#include <spdlog/spdlog.h>

#include "dask/server/graph_queue.h"
#include "dask/server/update_data.h"

namespace trireme::launcher::dask {

namespace {

// How often clients say that they are there; their connection says it too.
constexpr double kHeartbeatSeconds = 5;

// What an operation of the stream may need.
struct ClientContext {
  Hub& hub;
  const std::string& client;
  const Message& message;
  const Object& operation;

  [[nodiscard]] std::vector<Key> keys() const { return keys_of(find_elements(operation, "keys")); }
  [[nodiscard]] Key key(std::string_view name) const {
    const Object* value = find(operation, name);
    return value ? key_of(*value) : Key();
  }
  [[nodiscard]] std::string text(std::string_view name) const {
    return std::string(find_text(operation, name).value_or(""));
  }
  [[nodiscard]] MessageWriter& reply() const { return hub.clients.find(client)->stream->next(); }
};

// Another holder than the client may be named: "fire-and-forget".
std::string holder_in(const ClientContext& context) {
  return std::string(find_text(context.operation, "client").value_or(context.client));
}

void release_keys(const ClientContext& context) {
  context.hub.tasks.release_keys(holder_in(context), context.keys(), steady_seconds());
}

void desire_keys(const ClientContext& context) {
  context.hub.tasks.desire_keys(holder_in(context), context.keys(), steady_seconds());
}

void cancel_keys(const ClientContext& context) {
  const bool force = find_bool(context.operation, "force", false);
  context.hub.tasks.cancel_keys(context.client, context.keys(), force, context.text("reason"), steady_seconds());
}

void report_key(const ClientContext& context) { context.hub.tasks.report_key(context.client, context.key("key")); }

void heartbeat(const ClientContext& context) {
  context.reply().map(2).text("op").text("adjust-heartbeat-interval").text("interval").number(kHeartbeatSeconds);
}

void subscribe(const ClientContext& context) { context.hub.topics.subscribe(context.text("topic"), context.client); }

void unsubscribe(const ClientContext& context) {
  context.hub.topics.unsubscribe(context.text("topic"), context.client);
}

void confirm_variable(const ClientContext& context) {
  context.hub.apply(
      context.hub.variables.confirm(context.key("name"), context.key("key"), context.text("token"), context.client));
}

void delete_variable(const ClientContext& context) {
  context.hub.apply(context.hub.variables.erase(context.key("name")));
}

void release_queued_future(const ClientContext& context) {
  context.hub.apply(context.hub.queues.release_future(context.key("name"), context.key("key"), context.client));
}

void release_queue(const ClientContext& context) {
  const Queues::Change change = context.hub.queues.release(context.key("name"));
  context.hub.apply(change.claims);
  context.hub.tickets.answer(change.dropped, Dropped{});
}

void flush(const ClientContext& context) {
  const Object* uid = find(context.operation, "uid");
  if (!uid) return;
  const auto waited = context.hub.flushes.arrive(context.client, std::string(context.message.bytes(*uid).view()));
  if (waited) context.hub.tickets.answer(*waited, true);
}

void update_scattered(const ClientContext& context) { update_data(context.hub, context.operation); }

void log_client_event(const ClientContext& context) {
  context.hub.log_event(context.text("topic"), pack_value(context.message, find(context.operation, "msg")));
}

void do_nothing(const ClientContext&) {}

struct ClientOperation {
  std::string_view name;
  void (*apply)(const ClientContext& context);
};

constexpr std::array kClientOperations = {
    ClientOperation{"client-releases-keys", release_keys},
    ClientOperation{"client-desires-keys", desire_keys},
    ClientOperation{"cancel-keys", cancel_keys},
    ClientOperation{"report-key", report_key},
    ClientOperation{"heartbeat-client", heartbeat},
    ClientOperation{"subscribe-topic", subscribe},
    ClientOperation{"unsubscribe-topic", unsubscribe},
    ClientOperation{"variable-future-received-confirm", confirm_variable},
    ClientOperation{"variable_delete", delete_variable},
    ClientOperation{"queue-future-release", release_queued_future},
    ClientOperation{"queue_release", release_queue},
    ClientOperation{"publish_flush_batched_send", flush},
    ClientOperation{"update-data", update_scattered},
    ClientOperation{"log-event", log_client_event},
    ClientOperation{"close-client", do_nothing},  // close-stream follows
};

void apply_operation(const ClientContext& context) {
  const std::string_view name = find_text(context.operation, "op").value_or("");
  const auto found = std::ranges::find(kClientOperations, name, &ClientOperation::name);
  if (found == kClientOperations.end()) {
    spdlog::info("event=dask_unknown_operation client={} op={}", context.client, name.substr(0, 64));
    return;
  }
  try {
    found->apply(context);
  } catch (const Error& error) {  // nobody waits for an answer
    spdlog::info("event=dask_operation_failed client={} op={} error=\"{}\"", context.client, name, error.what());
  }
}

void write_start(MessageWriter& out) {
  out.map(3).text("op").text("stream-start").text("warning").text("").text("error").text("");
}

Awaitable<void> read_operations(Connection& connection, GraphQueue& queue) {
  while (true) {
    const Message message = co_await connection.read();
    const bool is_one = message.root().type == msgpack::type::MAP;
    for (const Object& operation : is_one ? Elements{&message.root(), 1} : elements(message.root())) {
      if (find_text(operation, "op") == "close-stream") co_return;
      queue.push(message, operation);
    }
    co_await queue.has_room();
  }
}

// A client that came back under its id has another stream by now and goes on.
void forget_peer(Hub& hub, const std::string& client, const std::shared_ptr<Stream>& stream) {
  const ClientPeer* peer = hub.clients.find(client);
  if (!peer || peer->stream != stream) return;
  hub.clients.remove(client);
  hub.topics.forget_client(client);
  hub.flushes.forget_client(client);
  hub.apply(hub.variables.forget_client(client));
  hub.tasks.remove_client(client);
  spdlog::info("event=dask_client_gone client={}", client);
}

}  // namespace

Awaitable<void> serve_client(Hub& hub, std::shared_ptr<Connection> connection, const Message& registration) {
  const auto id = find_text(registration.root(), "client");
  if (!id) throw MessageError("a client without an id");
  const std::string client(*id);
  const auto stream = std::make_shared<Stream>(connection);
  hub.clients.add({client, stream});
  hub.tasks.add_client(client);
  if (hub.versions.frames().empty()) hub.versions = registration;
  spdlog::info("event=dask_client client={} peer={}", client, connection->peer_address());
  // The client asserts that its first message holds nothing else.
  write_start(stream->next());
  stream->flush();

  const auto queue =
      std::make_shared<GraphQueue>(hub, client, [&hub, client](const Message& message, const Object& operation) {
        apply_operation({hub, client, message, operation});
      });
  std::exception_ptr failure;
  try {
    co_await read_operations(*connection, *queue);
  } catch (...) {
    failure = std::current_exception();
  }
  queue->drop();
  forget_peer(hub, client, stream);
  if (failure) std::rethrow_exception(failure);
  stream->next().map(1).text("op").text("stream-closed");
  stream->close();
}

}  // namespace trireme::launcher::dask
