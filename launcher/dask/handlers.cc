#include "dask/handlers.h"

#include <chrono>
#include <functional>
#include <map>
#include <string_view>

#include <spdlog/spdlog.h>

#include "dask/identity.h"
#include "dask/message.h"
#include "dask/pickle_writer.h"
#include "dask/refusal.h"

namespace trireme::launcher::dask {

namespace {

using Object = msgpack::object;
using Handler = std::function<Answer(const Object& request, const Scene& scene)>;

double now() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }

Answer empty_map(const Object&, const Scene&) { return {MessageWriter().map(0).take()}; }

Answer nothing(const Object&, const Scene&) { return {MessageWriter().nil().take()}; }

Answer identity_answer(const Object&, const Scene& scene) { return {identity(scene)}; }

Answer echo(const Object& request, const Scene&) {
  const Object* data = find(request, "data");
  return {data ? MessageWriter().value(*data).take() : MessageWriter().nil().take()};
}

Answer versions(const Object&, const Scene&) {
  return {MessageWriter().map(2).text("host").map(0).text("packages").map(0).take()};
}

Answer close_connection(const Object&, const Scene&) { return {MessageWriter().text("OK").take(), Then::kClose}; }

// The stream opens with an array of exactly one operation; the client asserts that.
Answer register_client(const Object&, const Scene&) {
  MessageWriter writer;
  writer.array(1).map(3).text("op").text("stream-start").text("warning").text("").text("error").text("");
  return {writer.take(), Then::kStream};
}

Answer refuse_worker(const Object&, const Scene& scene) {
  MessageWriter writer;
  writer.map(3).text("status").text("error").text("message").text(no_workers_text(scene.address));
  writer.text("time").number(now());
  return {writer.take(), Then::kClose};
}

// A nanny is let in, so that its worker starts, is refused with a reason, and both end.
Answer register_nanny(const Object&, const Scene&) {
  return {MessageWriter().map(2).text("status").text("OK").text("nanny-plugins").map(0).take()};
}

Answer missing_worker(const Object&, const Scene&) {
  return {MessageWriter().map(1).text("status").text("missing").take()};
}

Answer refuse_tasks(const Object&, const Scene& scene) { return {error_reply(no_tasks_text(scene.address))}; }

Answer refuse_shutdown(const Object&, const Scene&) {
  return {error_reply("a Dask client cannot stop Trireme's cluster; `launcher down` does")};
}

const std::map<std::string_view, Handler>& request_handlers() {
  static const std::map<std::string_view, Handler> handlers = {
      {"identity", identity_answer},
      {"register-client", register_client},
      {"register-worker", refuse_worker},
      {"register_nanny", register_nanny},
      {"heartbeat_worker", missing_worker},
      {"close", close_connection},
      {"echo", echo},
      {"versions", versions},
      {"ncores", empty_map},
      {"ncores_running", empty_map},
      {"has_what", empty_map},
      {"who_has", empty_map},
      {"processing", empty_map},
      {"nbytes", empty_map},
      {"broadcast", empty_map},
      {"retire_workers", empty_map},
      {"log_event", nothing},
      {"unregister", nothing},
      {"scatter", refuse_tasks},
      {"gather", refuse_tasks},
      {"update_data", refuse_tasks},
      {"run_function", refuse_tasks},
      {"terminate", refuse_shutdown},
      {"restart", refuse_shutdown},
  };
  return handlers;
}

// Appends the operations that answer one operation of a client's stream; returns how many.
using StreamHandler = std::function<std::size_t(const Object& operation, const Scene& scene, MessageWriter& out)>;

std::size_t fail_graph(const Object& operation, const Scene& scene, MessageWriter& out) {
  const Object* wanted = find(operation, "keys");
  if (!wanted) return 0;
  const std::string exception = pickled_exception("RuntimeError", no_tasks_text(scene.address));
  const Elements keys = elements(*wanted);
  for (const Object& key : keys) {
    out.map(4).text("op").text("task-erred").text("key").value(key);
    out.text("exception").bytes(exception).text("traceback").nil();
  }
  return keys.size;
}

// Asked after a gather that failed: the client then raises instead of waiting.
std::size_t cancel_key(const Object& operation, const Scene& scene, MessageWriter& out) {
  const Object* key = find(operation, "key");
  if (!key) return 0;
  out.map(4).text("op").text("cancelled-keys").text("keys").array(1).value(*key);
  out.text("reason").text("unknown key").text("msg").text(no_tasks_text(scene.address));
  return 1;
}

const std::map<std::string_view, StreamHandler>& stream_handlers() {
  static const std::map<std::string_view, StreamHandler> handlers = {
      {"update-graph", fail_graph},
      {"report-key", cancel_key},
  };
  return handlers;
}

// What remains (heartbeats, topics, released keys, close-client) has no effect where there are no tasks.
std::size_t answer_operation(const Object& operation, const Scene& scene, MessageWriter& out) {
  const auto found = stream_handlers().find(find_text(operation, "op").value_or(""));
  return found == stream_handlers().end() ? 0 : found->second(operation, scene, out);
}

Elements operations_of(const Object& message) {
  return message.type == msgpack::type::MAP ? Elements{&message, 1} : elements(message);
}

}  // namespace

std::string handshake() {
  MessageWriter writer;
  writer.map(3).text("compression").nil();
  writer.text("python").array(3).integer(3).integer(11).integer(0).text("pickle-protocol").integer(5);
  return writer.take();
}

bool is_handshake(const Object& message) { return find(message, "compression") && find(message, "pickle-protocol"); }

Answer answer_request(const Object& request, const Scene& scene) {
  const auto operation = find_text(request, "op");
  if (!operation) return {.then = Then::kClose};
  const auto found = request_handlers().find(*operation);
  Answer answer = found == request_handlers().end() ? Answer{error_reply(unknown_operation_text(*operation))}
                                                    : found->second(request, scene);
  if (answer.then == Then::kStream || *operation == "register-worker") return answer;
  if (!find_bool(request, "reply", true)) answer.message.reset();
  if (find_bool(request, "close", false)) answer.then = Then::kClose;
  return answer;
}

Answer answer_stream(const Object& message, const Scene& scene) {
  MessageWriter out;
  std::size_t count = 0;
  Answer answer{.then = Then::kStream};
  for (const Object& operation : operations_of(message)) {
    if (find_text(operation, "op") == "close-stream") {
      out.map(1).text("op").text("stream-closed");
      ++count;
      answer.then = Then::kClose;
      break;
    }
    count += answer_operation(operation, scene, out);
  }
  if (count > 0) answer.message = MessageWriter().array(count).packed(out.take()).take();
  return answer;
}

}  // namespace trireme::launcher::dask
