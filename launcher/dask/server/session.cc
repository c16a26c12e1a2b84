#include "dask/server/session.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "dask/server/client_stream.h"
#include "dask/server/operations/operation.h"
#include "dask/server/worker_stream.h"

namespace trireme::launcher::dask {

namespace {

using Shared = std::shared_ptr<Connection>;

std::string unknown_text(std::string_view name) {
  return fmt::format("Trireme's scheduler does not speak the Dask operation '{}'", name.substr(0, 64));
}

// Never throws for what the peer asks: the reply says it.
Awaitable<void> answer(Hub& hub, std::string_view name, const Request& request, MessageWriter& reply) {
  std::string python_class = "RuntimeError";
  std::string text;
  try {
    const Operation* operation = find_operation(name);
    if (!operation) refuse(unknown_text(name));
    if (const auto* quick = std::get_if<Answer>(&operation->answer)) {
      (*quick)(hub, request, reply);
    } else {
      co_await std::get<SlowAnswer>(operation->answer)(hub, request, reply);
    }
    if (reply.empty()) reply.nil();
    co_return;
  } catch (const CallerError& error) {
    python_class = error.python_class();
    text = error.what();
  } catch (const Error& error) {
    text = fmt::format("{}: {}", name, error.what());
  }
  reply.clear();
  write_error(reply, python_class, text);
}

// Requests until one closes the connection or turns it into a stream, which then is served to its end.
Awaitable<void> serve_requests(Hub& hub, Shared connection) {
  while (connection->is_open()) {
    const Message message = co_await connection->read();
    const auto name = find_text(message.root(), "op");
    if (!name) throw MessageError("a request without an operation");
    if (name == "register-client") co_return co_await serve_client(hub, connection, message);
    if (name == "register-worker") co_return co_await serve_worker(hub, connection, message);
    if (name == "register_nanny") co_return co_await serve_nanny(hub, connection, message);
    const bool wants_reply = find_bool(message.root(), "reply", true);
    const bool closes = *name == "close" || find_bool(message.root(), "close", false);
    MessageWriter reply;
    if (name == "close") {
      reply.text("OK");
    } else {
      const Request request{message, *connection};
      co_await answer(hub, *name, request, reply);
    }
    if (wants_reply) connection->send(reply.finish());
    co_await connection->written();
    if (closes) co_return;
  }
}

}  // namespace

Awaitable<void> serve(Hub& hub, Shared connection) {
  bool has_shaken_hands = false;  // else it is somebody who does not speak Dask
  try {
    co_await connection->shake_hands(true);
    has_shaken_hands = true;
    co_await serve_requests(hub, connection);
  } catch (const MessageTooLarge& error) {
    spdlog::log(has_shaken_hands ? spdlog::level::warn : spdlog::level::info,
                "event=dask_message_too_large peer={} reason=\"{}; its connection is closed\"",
                connection->peer_address(), error.what());
  } catch (const Error& error) {
    spdlog::info("event=dask_peer_dropped peer={} reason=\"{}\"", connection->peer_address(), error.what());
  } catch (const boost::system::system_error& error) {
    spdlog::debug("event=dask_peer_left peer={} reason=\"{}\"", connection->peer_address(), error.what());
  } catch (const std::exception& error) {
    spdlog::error("event=dask_peer_dropped peer={} reason=\"{}\"", connection->peer_address(), error.what());
  }
  connection->close_when_written();
}

}  // namespace trireme::launcher::dask
