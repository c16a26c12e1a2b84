// Plugins, and functions that are to run in the scheduler: the latter go to the materializer.
#include <array>
#include <memory>

#include <fmt/format.h>

#include "dask/server/identity.h"
#include "dask/server/operations/broadcast.h"
#include "dask/server/operations/operation.h"
#include "dask/server/operations/waiting.h"

namespace trireme::launcher::dask {

namespace {

std::vector<std::string> workers_of(Hub& hub, bool with_nanny) {
  std::vector<std::string> addresses;
  for (const auto& [address, worker] : hub.workers.all()) {
    if (!with_nanny || !worker.nanny.empty()) addresses.push_back(address);
  }
  return addresses;
}

// The part of a plugin operation that differs between workers and nannies.
struct Kind {
  Hub::Plugins Hub::*plugins;
  bool nannies;
  std::string_view add;
  std::string_view remove;
  std::string_view name;
};

constexpr Kind kWorker{&Hub::worker_plugins, false, "plugin-add", "plugin-remove", "worker"};
constexpr Kind kNanny{&Hub::nanny_plugins, true, "plugin_add", "plugin_remove", "nanny"};

Awaitable<void> add_plugin(Hub& hub, const Request& request, MessageWriter& reply, const Kind& kind) {
  const std::string name = request.text("name");
  const Bytes plugin = request.message.bytes(request.value("plugin")).detached();
  Hub::Plugins& plugins = hub.*kind.plugins;
  if (plugins.contains(name) && find_bool(request.root(), "idempotent", false)) {
    reply.map(0);
    co_return;
  }
  plugins[name] = plugin;
  MessageWriter message;
  message.map(4).text("op").text(kind.add).text("reply").boolean(true);
  message.text("plugin").bytes(plugin.view()).text("name").text(name);
  const std::vector<std::string> addresses = workers_of(hub, kind.nannies);
  const Replies replies = co_await ask_workers(hub, addresses, kind.nannies, Bytes(message.take()));
  write_replies(reply, addresses, replies);
}

Awaitable<void> remove_plugin(Hub& hub, const Request& request, MessageWriter& reply, const Kind& kind) {
  const std::string name = request.text("name");
  if ((hub.*kind.plugins).erase(name) == 0)
    throw CallerError("ValueError", fmt::format("The {} plugin {} does not exist", kind.name, name));
  MessageWriter message;
  message.map(3).text("op").text(kind.remove).text("reply").boolean(true).text("name").text(name);
  const std::vector<std::string> addresses = workers_of(hub, kind.nannies);
  const Replies replies = co_await ask_workers(hub, addresses, kind.nannies, Bytes(message.take()));
  write_replies(reply, addresses, replies);
}

Awaitable<void> register_worker_plugin(Hub& hub, const Request& request, MessageWriter& reply) {
  co_await add_plugin(hub, request, reply, kWorker);
}

Awaitable<void> unregister_worker_plugin(Hub& hub, const Request& request, MessageWriter& reply) {
  co_await remove_plugin(hub, request, reply, kWorker);
}

Awaitable<void> register_nanny_plugin(Hub& hub, const Request& request, MessageWriter& reply) {
  co_await add_plugin(hub, request, reply, kNanny);
}

Awaitable<void> unregister_nanny_plugin(Hub& hub, const Request& request, MessageWriter& reply) {
  co_await remove_plugin(hub, request, reply, kNanny);
}

// What the materializer answered, once it has; nullopt when the peer has not waited for it.
template <class Result>
Awaitable<std::optional<Result>> await_materializer(Hub& hub, const Request& request, Ticket ticket) {
  auto answer = co_await hub.tickets.wait(ticket, std::nullopt, request.connection);
  if (!answer) co_return std::nullopt;
  co_return std::any_cast<Result>(std::move(*answer));
}

void write_failure(MessageWriter& reply, std::string_view status, const MaterializeError& error) {
  reply.map(5).text("status").text(status).text("exception").opaque(error.exception);
  reply.text("traceback").opaque(error.traceback).text("exception_text").text(error.text);
  reply.text("traceback_text").text(error.traceback_text);
}

Awaitable<void> register_scheduler_plugin(Hub& hub, const Request& request, MessageWriter& reply) {
  using Result = std::variant<std::monostate, MaterializeError>;
  const Ticket ticket = hub.tickets.next();
  hub.materializer->upload_file(request.message.bytes(request.value("plugin")),
                                [&tickets = hub.tickets, ticket](Result result) { tickets.answer(ticket, result); });
  const auto result = co_await await_materializer<Result>(hub, request, ticket);
  if (result && result->index() == 1) write_failure(reply, "uncaught-error", std::get<MaterializeError>(*result));
}

void unregister_scheduler_plugin(Hub&, const Request& request, MessageWriter&) {
  throw CallerError("ValueError", fmt::format("Could not find plugin {} among the scheduler's plugins",
                                              name_of(request.key("name"))));
}

Awaitable<void> run_function(Hub& hub, const Request& request, MessageWriter& reply) {
  using Result = std::variant<FunctionResult, MaterializeError>;
  const auto pickle = [&](std::string_view name) {
    const Object* value = find_value(request.root(), name);
    return value ? request.message.bytes(*value) : Bytes();
  };
  MessageWriter identity;
  write_identity(identity, hub, request.connection.local_address());
  FunctionCall call{.function = pickle("function"), .arguments = pickle("args"), .keywords = pickle("kwargs")};
  call.wait = find_bool(request.root(), "wait", true);
  call.identity = Bytes(identity.take());
  const Ticket ticket = hub.tickets.next();
  hub.materializer->run_function(
      std::move(call), [&tickets = hub.tickets, ticket](Result result) { tickets.answer(ticket, std::move(result)); });
  auto result = co_await await_materializer<Result>(hub, request, ticket);
  if (!result) co_return;
  if (const auto* error = std::get_if<MaterializeError>(&*result)) {
    write_failure(reply, "error", *error);
    co_return;
  }
  const FunctionResult& done = std::get<FunctionResult>(*result);
  for (const auto& [topic, message] : done.events) {
    const Message value = Message::decode(Frames{message});
    hub.log_event(topic, pack_value(value, &value.root()));
  }
  reply.map(2).text("status").text("OK").text("result").opaque(done.value);
}

constexpr std::array kPluginOperations = {
    Operation{"register_worker_plugin", register_worker_plugin},
    Operation{"unregister_worker_plugin", unregister_worker_plugin},
    Operation{"register_nanny_plugin", register_nanny_plugin},
    Operation{"unregister_nanny_plugin", unregister_nanny_plugin},
    Operation{"register_scheduler_plugin", register_scheduler_plugin},
    Operation{"unregister_scheduler_plugin", unregister_scheduler_plugin},
    Operation{"run_function", run_function},
};

}  // namespace

std::span<const Operation> plugin_operations() { return kPluginOperations; }

}  // namespace trireme::launcher::dask
