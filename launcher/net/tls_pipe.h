#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <string_view>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>

#include "trireme/base/unique_fd.h"

namespace trireme::launcher {

// A TLS connection on one side and a plain local socket on the other, with bytes moved between them until both have
// ended: what serves the plain side need not know of TLS.
//
// Holds one buffer a direction, so a side that does not read slows the other one down. A peer that takes nothing for
// kStallPatience is dropped. Lives on its context's thread, kept alive by its own pending operations.
class TlsPipe : public std::enable_shared_from_this<TlsPipe> {
 public:
  static constexpr std::chrono::seconds kStallPatience{60};
  using Socket = boost::asio::ip::tcp::socket;
  // Gives the connected, non-blocking socket to move bytes to and from. `protocol` is what the handshake agreed on:
  // "http/1.1", "h2", or nothing. An empty descriptor ends the connection.
  using PlainSide = std::function<UniqueFd(std::string_view protocol)>;

  TlsPipe(Socket socket, boost::asio::ssl::context& context);

  // Shakes hands; calls `on_end` when that is over, either way, and then `plain_side` if it went well.
  void open(PlainSide plain_side, std::function<void()> on_end);
  void close();

 private:
  using ErrorCode = boost::system::error_code;
  using Buffer = std::array<char, 16 << 10>;  // a TLS record

  void begin_to_move(UniqueFd plain);
  void move_in();
  void move_out();
  void write_out(std::size_t bytes);
  void shut_down();
  void drain();
  void close_after(std::chrono::seconds patience);

  boost::asio::ssl::stream<Socket> outer_;
  Socket inner_;
  boost::asio::steady_timer stall_;
  Buffer inward_;
  Buffer outward_;
};

}  // namespace trireme::launcher
