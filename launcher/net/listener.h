#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

namespace trireme::launcher {

// Where a face listens.
struct ListenAddress {
  std::string face;        // names the port in errors: "gRPC and HTTP"
  std::string host;        // address or name; "0.0.0.0" is every interface
  std::uint16_t port = 0;  // 0: any free one
};

// A TCP listener that hands every connection to `on_connection` on the context's thread.
//
// Accepted sockets have TCP_NODELAY and SO_KEEPALIVE set. When the process is out of descriptors it pauses and goes on.
// Destroy it only after the context's thread has stopped.
class Listener {
 public:
  using OnConnection = std::function<void(boost::asio::ip::tcp::socket)>;

  // Binds and listens. Throws ConfigError that names host and port when the address cannot be resolved or bound.
  Listener(boost::asio::io_context& context, const ListenAddress& address, OnConnection on_connection);
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

 private:
  void accept_next();
  void accept_after_pause(const boost::system::error_code& reason);

  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer pause_;
  OnConnection on_connection_;
  std::uint16_t port_ = 0;
};

}  // namespace trireme::launcher
