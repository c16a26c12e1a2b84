// Operations that workers answer.
#include "dask/server/operations/broadcast.h"

#include <algorithm>
#include <array>

#include "dask/server/operations/operation.h"
#include "dask/wire/pickle_writer.h"

namespace trireme::launcher::dask {

namespace {

enum class OnError { kRaise, kReturn, kReturnPickle, kIgnore };

OnError on_error_of(const Request& request) {
  const auto name = find_text(request.root(), "on_error");
  if (name == "return") return OnError::kReturn;
  if (name == "return_pickle") return OnError::kReturnPickle;
  if (name == "ignore") return OnError::kIgnore;
  return OnError::kRaise;
}

Outgoing forwarded(const Message& from, const Object& inner) {
  MessageWriter out;
  const Pairs fields = pairs(inner);
  const bool says_reply = find(inner, "reply") != nullptr;
  out.map(fields.size + (says_reply ? 0 : 1));
  for (const auto& [name, value] : fields) out.value(name).value(from, value);
  if (!says_reply) out.text("reply").boolean(true);
  return out.finish();
}

// By address; those of `hosts` are added to those of `workers`. Nothing given: all. For nannies: those that have one.
std::vector<std::string> addressees(Hub& hub, const Request& request) {
  const auto hosts = request.texts("hosts");
  std::vector<std::string> addresses;
  if (const auto workers = request.texts("workers")) {
    addresses = *workers;
  } else if (!hosts) {
    for (const auto& [address, worker] : hub.workers.all()) addresses.push_back(address);
  }
  for (const auto& [address, worker] : hub.workers.all()) {
    if (hosts && std::ranges::find(*hosts, worker.info.host) != hosts->end()) addresses.push_back(address);
  }
  if (find_bool(request.root(), "nanny", false)) {
    std::erase_if(addresses, [&](const std::string& address) {
      const WorkerPeer* worker = hub.workers.find(address);
      return !worker || worker->nanny.empty();
    });
  }
  return addresses;
}

void write_failure(MessageWriter& reply, OnError on_error, const std::string& error) {
  const std::string pickle = pickled_exception("OSError", error);
  if (on_error == OnError::kReturnPickle) {
    reply.bytes(pickle);
  } else {
    reply.pickled(Bytes(pickle));
  }
}

void write_replies(MessageWriter& reply, const std::vector<std::string>& addresses,
                   const std::vector<CallResult>& results, OnError on_error) {
  const auto is_told = [&](const CallResult& result) { return result.reply || on_error != OnError::kIgnore; };
  reply.map(static_cast<std::size_t>(std::ranges::count_if(results, is_told)));
  for (std::size_t index = 0; index < results.size(); ++index) {
    const CallResult& result = results[index];
    if (!is_told(result)) continue;
    reply.text(addresses[index]);
    if (result.reply) {
      reply.value(*result.reply);
    } else {
      write_failure(reply, on_error, result.error);
    }
  }
}

void raise_first_failure(const std::vector<CallResult>& results) {
  for (const CallResult& result : results) {
    if (!result.reply) throw CallerError("OSError", result.error);
  }
}

Awaitable<void> broadcast(Hub& hub, const Request& request, MessageWriter& reply) {
  const Object& inner = request.value("msg");
  const OnError on_error = on_error_of(request);
  const bool to_nannies = find_bool(request.root(), "nanny", false);
  const std::vector<std::string> addresses = addressees(hub, request);
  std::vector<Call> calls;
  for (const std::string& address : addresses) {
    const WorkerPeer* worker = hub.workers.find(address);
    Call call{.address = to_nannies && worker ? worker->nanny : address, .request = forwarded(request.message, inner)};
    calls.push_back(std::move(call));
  }
  const std::vector<CallResult> results = co_await hub.calls.call_all(std::move(calls), kUserPatience);
  if (on_error == OnError::kRaise) raise_first_failure(results);
  write_replies(reply, addresses, results, on_error);
}

Awaitable<void> proxy(Hub& hub, const Request& request, MessageWriter& reply) {
  Call call{.address = request.text("worker"), .request = forwarded(request.message, request.value("msg"))};
  const CallResult result = co_await hub.calls.call(std::move(call), kUserPatience);
  if (!result.reply) throw CallerError("OSError", result.error);
  reply.value(*result.reply);
}

Awaitable<void> worker_logs(Hub& hub, const Request& request, MessageWriter& reply) {
  const bool to_nannies = find_bool(request.root(), "nanny", false);
  const Object* count = find_value(request.root(), "n");
  MessageWriter inner;
  inner.map(3).text("op").text("get_logs").text("reply").boolean(true).text("n");
  count ? inner.value(*count) : inner.nil();
  const std::vector<std::string> addresses = addressees(hub, request);
  const Replies replies = co_await ask_workers(hub, addresses, to_nannies, Bytes(inner.take()));
  raise_first_failure(replies);
  write_replies(reply, addresses, replies, OnError::kRaise);
}

// By worker; those that execute nothing asked for are left out.
Awaitable<void> call_stack(Hub& hub, const Request& request, MessageWriter& reply) {
  const Object* keys = find_value(request.root(), "keys");
  MessageWriter inner;
  inner.map(3).text("op").text("call_stack").text("reply").boolean(true).text("keys");
  keys ? inner.value(*keys) : inner.nil();
  const std::vector<std::string> addresses = addressees(hub, request);
  const Replies replies = co_await ask_workers(hub, addresses, false, Bytes(inner.take()));
  raise_first_failure(replies);
  const auto says_something = [](const CallResult& result) { return pairs(result.reply->root()).size > 0; };
  reply.map(static_cast<std::size_t>(std::ranges::count_if(replies, says_something)));
  for (std::size_t index = 0; index < replies.size(); ++index) {
    if (says_something(replies[index])) reply.text(addresses[index]).value(*replies[index].reply);
  }
}

constexpr std::array kBroadcastOperations = {
    Operation{"broadcast", broadcast},
    Operation{"proxy", proxy},
    Operation{"worker_logs", worker_logs},
    Operation{"call_stack", call_stack},
};

}  // namespace

Awaitable<Replies> ask_workers(Hub& hub, const std::vector<std::string>& workers, bool nannies, const Bytes& request) {
  std::vector<Call> calls;
  for (const std::string& address : workers) {
    const WorkerPeer* worker = hub.workers.find(address);
    MessageWriter out;
    out.packed(request.view());
    calls.push_back({.address = nannies && worker ? worker->nanny : address, .request = out.finish()});
  }
  co_return co_await hub.calls.call_all(std::move(calls), kUserPatience);
}

void write_replies(MessageWriter& reply, const std::vector<std::string>& addresses, const Replies& replies) {
  raise_first_failure(replies);
  write_replies(reply, addresses, replies, OnError::kRaise);
}

std::span<const Operation> broadcast_operations() { return kBroadcastOperations; }

}  // namespace trireme::launcher::dask
