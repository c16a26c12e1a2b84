#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "dask/server/coroutine.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>

namespace trireme::launcher::dask {

using Security = std::shared_ptr<boost::asio::ssl::context>;

// The bytes of one connection, plain or inside TLS.
//
// At most one read and one write at a time. Lives on its executor's thread.
class Transport {
 public:
  using Socket = boost::asio::ip::tcp::socket;

  // security: nullptr for plain bytes.
  Transport(Socket socket, Security security);

  // TLS only; returns at once for plain bytes. Throws boost::system::system_error.
  [[nodiscard]] Awaitable<void> shake_hands(bool as_server);
  // At least one byte; throws boost::system::system_error, also at the end.
  [[nodiscard]] Awaitable<std::size_t> read_some(std::span<char> room);
  // What is there without waiting; 0 where only read_some() can tell: with TLS, and when nothing is there or comes any
  // more.
  [[nodiscard]] std::size_t read_now(std::span<char> room);
  // on_done(error_code, bytes) after everything is written.
  template <class OnDone>
  void write(const std::vector<boost::asio::const_buffer>& buffers, OnDone on_done) {
    if (secure_) {
      boost::asio::async_write(*secure_, buffers, std::move(on_done));
    } else {
      boost::asio::async_write(*plain_, buffers, std::move(on_done));
    }
  }
  void close();

  // Off: what comes does not wake the thread, unless it is a great deal or the end. Must be on while somebody reads.
  void wake_for_input(bool wakes);

  [[nodiscard]] Socket& socket() { return secure_ ? secure_->next_layer() : *plain_; }
  [[nodiscard]] bool is_secure() const { return secure_.has_value(); }
  // Nothing came and the peer has not closed: a connection that waits in a pool is of use.
  [[nodiscard]] bool is_quiet();
  // The peer has closed. False also while bytes stand before the end.
  [[nodiscard]] bool has_ended();
  // on_readable() once there are bytes or the end.
  template <class OnReadable>
  void when_readable(OnReadable on_readable) {
    socket().async_wait(Socket::wait_read,
                        [on_readable = std::move(on_readable)](const boost::system::error_code&) { on_readable(); });
  }

 private:
  Security security_;  // outlives the stream made from it
  std::optional<Socket> plain_;
  std::optional<boost::asio::ssl::stream<Socket>> secure_;
};

}  // namespace trireme::launcher::dask
