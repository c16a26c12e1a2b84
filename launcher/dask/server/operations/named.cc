// Variable and Queue: named places for futures and data.
#include <array>

#include <fmt/format.h>

#include "dask/server/operations/operation.h"
#include "dask/server/operations/waiting.h"

namespace trireme::launcher::dask {

namespace {

// A future may be put somewhere before the graph that makes it has come: waits until its task is known.
Awaitable<void> await_task(Hub& hub, const Request& request, Key key) {
  if (hub.tasks.state_of(key)) co_return;
  const Ticket ticket = hub.tickets.next();
  hub.awaited_keys.wait(key, ticket);
  const Forget forget = [&](Ticket late) { hub.awaited_keys.forget(late); };
  const auto known = co_await await_ticket<bool>(hub, request, ticket, forget);
  if (!known) raise_timeout(fmt::format("Task {} unknown to scheduler.", name_of(key)));
}

// `data` or `key` of a request that puts something somewhere.
Awaitable<Record> record_of(Hub& hub, const Request& request) {
  Record record;
  if (find_value(request.root(), "key")) {
    record.future = request.key("key");
    co_await await_task(hub, request, record.future);
  } else {
    record.data = pack_value(request.message, find(request.root(), "data"));
  }
  co_return record;
}

void write_future(Hub& hub, MessageWriter& reply, const Key& key, const std::string& token) {
  const auto state = hub.tasks.state_of(key);
  const bool erred = state == TaskState::kErred;
  reply.map(3 + (token.empty() ? 0 : 1) + (erred ? 2 : 0));
  reply.text("type").text("Future").text("value").key(key).text("state").text(state ? name_of(*state) : "lost");
  if (!token.empty()) reply.text("token").text(token);
  if (!erred) return;
  const auto [exception, traceback] = hub.tasks.failure_of(key);
  reply.text("exception").opaque(exception).text("traceback").opaque(traceback);
}

void write_record(Hub& hub, MessageWriter& reply, const Record& record, const std::string& token = "") {
  if (record.is_future()) return write_future(hub, reply, record.future, token);
  reply.map(2).text("type").text("msgpack").text("value");
  write_value(reply, record.data);
}

Awaitable<void> variable_set(Hub& hub, const Request& request, MessageWriter&) {
  Record record = co_await record_of(hub, request);
  const Variables::Change change = hub.variables.set(request.key("name"), std::move(record));
  hub.apply(change.claims);
  for (const Variables::Answer& answer : change.answers) hub.tickets.answer(answer.ticket, answer.held);
}

Awaitable<void> variable_get(Hub& hub, const Request& request, MessageWriter& reply) {
  const Ticket ticket = hub.tickets.next();
  const std::string client(find_text(request.root(), "client").value_or(""));
  auto held = hub.variables.get(request.key("name"), client, ticket);
  if (!held) {
    const Forget forget = [&](Ticket late) { hub.variables.forget(late); };
    held = co_await await_ticket<Variables::Held>(hub, request, ticket, forget);
  }
  if (!held) raise_timeout();
  write_record(hub, reply, held->record, held->token);
}

void queue_create(Hub& hub, const Request& request, MessageWriter&) {
  const std::int64_t most = find_integer(request.root(), "maxsize", 0);
  hub.queues.create(request.key("name"), most > 0 ? static_cast<std::size_t>(most) : 0);
}

void apply(Hub& hub, const Queues::Change& change) {
  hub.apply(change.claims);
  for (const Queues::Taken& taken : change.taken) hub.tickets.answer(taken.ticket, taken.records);
  hub.tickets.answer(change.stored, true);
  hub.tickets.answer(change.dropped, Dropped{});
}

Awaitable<void> queue_put(Hub& hub, const Request& request, MessageWriter&) {
  const Ticket ticket = hub.tickets.next();
  Record record = co_await record_of(hub, request);
  const Queues::Put put = hub.queues.put(request.key("name"), std::move(record), ticket);
  apply(hub, put.change);
  if (put.stored) co_return;
  const Forget forget = [&](Ticket late) { apply(hub, hub.queues.forget(late)); };
  const auto stored = co_await await_ticket<bool>(hub, request, ticket, forget);
  if (!stored) raise_timeout();
}

// `batch`: absent for one record, true for all there are, or a number.
Queues::Batch batch_of(const Request& request) {
  const Object* batch = find_value(request.root(), "batch");
  if (!batch) return {};
  if (batch->type == msgpack::type::BOOLEAN) return {.size = 1, .all = batch->via.boolean};
  return {.size = static_cast<std::size_t>(std::max(0.0, as_number(*batch).value_or(1)))};
}

bool wants_batch(const Request& request) {
  const Object* batch = find_value(request.root(), "batch");
  return batch && !(batch->type == msgpack::type::BOOLEAN && !batch->via.boolean);
}

Awaitable<void> queue_get(Hub& hub, const Request& request, MessageWriter& reply) {
  const Ticket ticket = hub.tickets.next();
  Queues::Get got = hub.queues.get(request.key("name"), batch_of(request), ticket);
  apply(hub, got.change);
  if (!got.records) {
    const Forget forget = [&](Ticket late) { apply(hub, hub.queues.forget(late)); };
    got.records = co_await await_ticket<std::vector<Record>>(hub, request, ticket, forget);
  }
  if (!got.records) raise_timeout();
  if (wants_batch(request)) reply.array(got.records->size());
  for (const Record& record : *got.records) write_record(hub, reply, record);
}

void queue_qsize(Hub& hub, const Request& request, MessageWriter& reply) {
  reply.integer(static_cast<std::int64_t>(hub.queues.size(request.key("name"))));
}

constexpr std::array kNamedOperations = {
    Operation{"variable_set", variable_set}, Operation{"variable_get", variable_get},
    Operation{"queue_create", queue_create}, Operation{"queue_put", queue_put},
    Operation{"queue_get", queue_get},       Operation{"queue_qsize", queue_qsize},
};

}  // namespace

std::span<const Operation> named_operations() { return kNamedOperations; }

}  // namespace trireme::launcher::dask
