#include "net/listener.h"

#include <chrono>
#include <utility>

#include <spdlog/spdlog.h>

#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme::launcher {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::chrono::milliseconds kPauseAfterFailure{100};

[[noreturn]] void fail(const ListenAddress& address, const std::string& reason) {
  throw ConfigError(message("cannot listen on {}:{} for {}: {}; stop what holds that port or choose another one",
                            address.host, address.port, address.face, reason));
}

tcp::endpoint resolve(asio::io_context& context, const ListenAddress& address) {
  tcp::resolver resolver(context);
  error_code error;
  const auto found = resolver.resolve(address.host, std::to_string(address.port),
                                      tcp::resolver::passive | tcp::resolver::numeric_service, error);
  if (error) fail(address, error.message());
  return found.begin()->endpoint();
}

tcp::acceptor bind(asio::io_context& context, const ListenAddress& address) {
  const tcp::endpoint endpoint = resolve(context, address);
  tcp::acceptor acceptor(context);
  error_code error;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) fail(address, error.message());
  return acceptor;
}

void set_common_options(tcp::socket& socket) {
  error_code ignored;  // the peer may be gone already; the first read says so
  socket.set_option(tcp::no_delay(true), ignored);
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
}

}  // namespace

Listener::Listener(asio::io_context& context, const ListenAddress& address, OnConnection on_connection)
    : acceptor_(bind(context, address)),
      pause_(context),
      on_connection_(std::move(on_connection)),
      port_(acceptor_.local_endpoint().port()) {
  asio::post(context, [this] { accept_next(); });
}

void Listener::accept_next() {
  acceptor_.async_accept([this](const error_code& error, tcp::socket socket) {
    if (error == asio::error::operation_aborted) return;
    if (error) return accept_after_pause(error);
    accept_next();
    set_common_options(socket);
    on_connection_(std::move(socket));
  });
}

void Listener::accept_after_pause(const error_code& reason) {
  spdlog::warn("event=accept_failed port={} error=\"{}\"", port_, reason.message());
  pause_.expires_after(kPauseAfterFailure);
  pause_.async_wait([this](const error_code& error) {
    if (!error) accept_next();
  });
}

}  // namespace trireme::launcher
