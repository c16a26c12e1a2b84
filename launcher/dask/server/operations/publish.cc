// What clients tell each other: published datasets, metadata, events.
#include <array>

#include "dask/server/operations/operation.h"
#include "dask/server/operations/waiting.h"

namespace trireme::launcher::dask {

namespace {

// Until the client's stream has said what it wrote before this request.
Awaitable<void> await_stream(Hub& hub, const Request& request) {
  const std::string client = request.text("client");
  const Ticket ticket = hub.tickets.next();
  const std::string uid(request.message.bytes(request.value("uid")).view());
  if (!hub.clients.find(client)) co_return;
  if (hub.flushes.pass(client, uid, ticket)) co_return;
  const Forget forget = [&](Ticket late) { hub.flushes.forget(late); };
  co_await await_ticket<bool>(hub, request, ticket, forget);
}

Awaitable<void> publish_put(Hub& hub, const Request& request, MessageWriter&) {
  co_await await_stream(hub, request);
  const Elements names = elements(request.value("names"));
  const Elements keys = elements(request.value("keys"));
  const Elements data = elements(request.value("data"));
  if (keys.size != names.size || data.size != names.size)
    throw CallerError("ValueError", "names, keys and data must be equally many");
  std::vector<Datasets::Named> datasets;
  for (std::size_t index = 0; index < names.size; ++index) {
    Dataset dataset{.data = detached(request.message.opaque(data.first[index])),
                    .keys = keys_of(elements(keys.first[index]))};
    datasets.push_back({key_of(names.first[index]), std::move(dataset)});
  }
  hub.apply(hub.datasets.put(std::move(datasets), find_bool(request.root(), "override", false)));
}

Awaitable<void> publish_delete(Hub& hub, const Request& request, MessageWriter&) {
  co_await await_stream(hub, request);
  hub.apply(hub.datasets.erase(keys_of(elements(request.value("names")))));
}

void publish_list(Hub& hub, const Request&, MessageWriter& reply) { reply.keys(hub.datasets.names()); }

void publish_get(Hub& hub, const Request& request, MessageWriter& reply) {
  const std::vector<Key> names = keys_of(elements(request.value("names")));
  reply.array(names.size());
  for (const Key& name : names) {
    if (const Dataset* dataset = hub.datasets.find(name)) {
      reply.map(2).text("data").opaque(dataset->data).text("keys").keys(dataset->keys);
    } else {
      reply.nil();
    }
  }
}

// `keys` is one key or a path of them.
std::vector<Key> path_of(const Request& request) {
  const Object& keys = request.value("keys");
  if (keys.type == msgpack::type::ARRAY) return keys_of(elements(keys));
  return {key_of(keys)};
}

Bytes packed(const Object& value) {
  MessageWriter writer;
  return Bytes(writer.value(value).take());
}

void set_metadata(Hub& hub, const Request& request, MessageWriter&) {
  hub.metadata.set(path_of(request), packed(request.value("value")));
}

// No default is sent as the enum dask.typing.no_default.
void get_metadata(Hub& hub, const Request& request, MessageWriter& reply) {
  const Object* fallback = find(request.root(), "default");
  const bool has_none = !fallback || find(*fallback, "__Enum__");
  reply.packed(hub.metadata.get(path_of(request), has_none ? std::nullopt : std::optional(packed(*fallback))).view());
}

void log_event(Hub& hub, const Request& request, MessageWriter&) {
  const Object& topics = request.value("topic");
  const Bytes message = pack_value(request.message, find(request.root(), "msg"));
  const bool is_one = topics.type != msgpack::type::ARRAY;
  for (const Object& topic : is_one ? Elements{&topics, 1} : elements(topics))
    hub.log_event(name_of(key_of(topic)), message);
}

void write_events(MessageWriter& reply, Hub& hub, std::string_view topic) {
  const auto& events = hub.topics.events(topic);
  reply.array(events.size());
  for (const LoggedEvent& event : events) {
    reply.array(2).number(event.time);
    write_value(reply, event.message);
  }
}

void events(Hub& hub, const Request& request, MessageWriter& reply) {
  if (const Object* topic = find_value(request.root(), "topic")) {
    return write_events(reply, hub, name_of(key_of(*topic)));
  }
  const std::vector<std::string> topics = hub.topics.names();
  reply.map(topics.size());
  for (const std::string& topic : topics) {
    reply.text(topic);
    write_events(reply, hub, topic);
  }
}

constexpr std::array kPublishOperations = {
    Operation{"publish_put", publish_put},   Operation{"publish_delete", publish_delete},
    Operation{"publish_list", publish_list}, Operation{"publish_get", publish_get},
    Operation{"set_metadata", set_metadata}, Operation{"get_metadata", get_metadata},
    Operation{"log_event", log_event},       Operation{"events", events},
};

}  // namespace

std::span<const Operation> publish_operations() { return kPublishOperations; }

}  // namespace trireme::launcher::dask
