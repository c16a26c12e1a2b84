// Plugins, and functions that are to run in the scheduler: the latter go to the materializer.
#include <array>
#include <memory>

#include <fmt/format.h>

#include "dask/server/identity.h"
#include "dask/server/operations/broadcast.h"
#include "dask/server/operations/materializing.h"
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

// To all there are, and kept for those that come.
Awaitable<void> add_plugin(Hub& hub, const ForwardedPlugin& added, MessageWriter& reply) {
  const Kind& kind = added.to_nannies ? kNanny : kWorker;
  Hub::Plugins& plugins = hub.*kind.plugins;
  if (plugins.contains(added.name) && added.idempotent) {
    reply.map(0);
    co_return;
  }
  plugins[added.name] = added.plugin;
  MessageWriter message;
  message.map(4).text("op").text(kind.add).text("reply").boolean(true);
  message.text("plugin").bytes(added.plugin.view()).text("name").text(added.name);
  const std::vector<std::string> addresses = workers_of(hub, kind.nannies);
  const Replies replies = co_await ask_workers(hub, addresses, kind.nannies, Bytes(message.take()));
  write_replies(reply, addresses, replies);
}

ForwardedPlugin plugin_in(const Request& request, bool to_nannies) {
  return {.name = request.text("name"),
          .plugin = request.message.bytes(request.value("plugin")).detached(),
          .to_nannies = to_nannies,
          .idempotent = find_bool(request.root(), "idempotent", false)};
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
  const ForwardedPlugin plugin = plugin_in(request, false);
  co_await add_plugin(hub, plugin, reply);
}

Awaitable<void> unregister_worker_plugin(Hub& hub, const Request& request, MessageWriter& reply) {
  co_await remove_plugin(hub, request, reply, kWorker);
}

Awaitable<void> register_nanny_plugin(Hub& hub, const Request& request, MessageWriter& reply) {
  const ForwardedPlugin plugin = plugin_in(request, true);
  co_await add_plugin(hub, plugin, reply);
}

Awaitable<void> unregister_nanny_plugin(Hub& hub, const Request& request, MessageWriter& reply) {
  co_await remove_plugin(hub, request, reply, kNanny);
}

// True when a worker could not set the plugin up: then the reply raises what it raised there.
bool raises_failure(const Message& said, MessageWriter& reply) {
  for (const auto& [address, answer] : pairs(said.root())) {
    if (find_text(answer, "status") != "error") continue;
    reply.map(3).text("status").text("uncaught-error");
    for (const char* part : {"exception", "traceback"}) {
      const Object* value = find(answer, part);
      reply.text(part).opaque(value ? said.opaque(*value) : Opaque());
    }
    return true;
  }
  return false;
}

Awaitable<void> register_scheduler_plugin(Hub& hub, const Request& request, MessageWriter& reply) {
  using Result = std::variant<std::vector<ForwardedPlugin>, MaterializeError>;
  const Ticket ticket = hub.tickets.next();
  hub.materializer->upload_file(request.message.bytes(request.value("plugin")),
                                [&tickets = hub.tickets, ticket](Result result) { tickets.answer(ticket, result); });
  const auto result = co_await await_materializer<Result>(hub, request, ticket);
  if (!result) co_return;
  if (const auto* error = std::get_if<MaterializeError>(&*result)) {
    write_failure(reply, "uncaught-error", *error);
    co_return;
  }
  for (const ForwardedPlugin& plugin : std::get<0>(*result)) {
    MessageWriter replies;
    co_await add_plugin(hub, plugin, replies);
    if (!raises_failure(Message::decode(replies.take_frames()), reply)) continue;
    (plugin.to_nannies ? hub.nanny_plugins : hub.worker_plugins).erase(plugin.name);  // later ones would fail as well
    co_return;
  }
}

// Of those that were handed on to workers or nannies.
Awaitable<void> unregister_scheduler_plugin(Hub& hub, const Request& request, MessageWriter& reply) {
  const std::string name = request.text("name");
  if (!hub.worker_plugins.contains(name) && !hub.nanny_plugins.contains(name))
    throw CallerError("ValueError", fmt::format("Could not find plugin {} among the scheduler's plugins", name));
  MessageWriter replies;
  co_await remove_plugin(hub, request, replies, hub.worker_plugins.contains(name) ? kWorker : kNanny);
  reply.nil();
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

void write_failure(MessageWriter& reply, std::string_view status, const MaterializeError& error) {
  reply.map(5).text("status").text(status).text("exception").opaque(error.exception);
  reply.text("traceback").opaque(error.traceback).text("exception_text").text(error.text);
  reply.text("traceback_text").text(error.traceback_text);
}

std::span<const Operation> plugin_operations() { return kPluginOperations; }

}  // namespace trireme::launcher::dask
