#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "dask/server/coroutine.h"
#include "dask/server/transport.h"
#include "dask/wire/frame_reader.h"
#include "dask/wire/message.h"
#include "dask/wire/message_writer.h"

namespace trireme::launcher::dask {

struct ConnectionLimits {
  FrameLimits frames;
  // What one connection may have waiting to be read by its peer, less what others hold as well.
  std::size_t unsent_bytes = 256u << 20;
  std::chrono::milliseconds handshake_patience{10'000};
};

// One connection of a Dask peer, as messages.
//
// Reads one message at a time; writes go on by themselves, in the order of send(). A peer that does not read loses its
// connection when more than `unsent_bytes` wait for it. Lives on its executor's thread, kept alive by its own pending
// operations.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Transport transport, const ConnectionLimits& limits);

  // TLS and the first messages of both sides. Throws Error or boost::system::system_error; a peer that takes longer
  // than the patience is disconnected.
  [[nodiscard]] Awaitable<void> shake_hands(bool as_server);
  // The next message. Throws FrameError, MessageError or, at the end of the connection, boost::system::system_error.
  [[nodiscard]] Awaitable<Message> read();
  // One that was read already. Throws FrameError or MessageError.
  [[nodiscard]] std::optional<Message> next_of_those_read();
  // One that has come already, without waiting: nothing also where only read() can tell. Throws as the former.
  [[nodiscard]] std::optional<Message> read_now();
  // The last read() took all there was.
  [[nodiscard]] bool has_read_all() const noexcept { return has_read_all_; }
  // Between reads: off, what comes does not wake the thread, not even in read().
  void wake_for_input(bool wakes);
  void send(Outgoing message);
  // Until everything sent so far is written, or the connection is closed.
  [[nodiscard]] Awaitable<void> written();
  void close();
  // Closes once everything sent so far is written.
  void close_when_written();

  [[nodiscard]] bool is_open() const noexcept { return open_; }
  [[nodiscard]] bool is_quiet() { return open_ && transport_.is_quiet(); }
  [[nodiscard]] bool has_ended() { return !open_ || transport_.has_ended(); }
  // on_readable() once, when the peer has sent something or is gone.
  template <class OnReadable>
  void when_readable(OnReadable on_readable) {
    transport_.when_readable([self = shared_from_this(), on_readable = std::move(on_readable)] { on_readable(); });
  }
  [[nodiscard]] std::size_t unsent_bytes() const noexcept { return unsent_bytes_; }
  // "tcp://127.0.0.1:8786": this end as the peer reached it, and the peer's.
  [[nodiscard]] const std::string& local_address() const noexcept { return local_address_; }
  [[nodiscard]] const std::string& peer_address() const noexcept { return peer_address_; }
  [[nodiscard]] boost::asio::ip::tcp::socket::executor_type executor() { return transport_.socket().get_executor(); }

 private:
  void take_in(std::size_t count, std::size_t room);
  void write_next();
  void finish_write(const boost::system::error_code& error);
  void drop_slow_reader();

  Transport transport_;
  ConnectionLimits limits_;
  FrameReader reader_;
  std::string local_address_;
  std::string peer_address_;
  boost::asio::steady_timer deadline_;       // of the handshake
  boost::asio::steady_timer written_event_;  // cancelled when nothing is left to write
  std::deque<Outgoing> unsent_;
  std::size_t writing_ = 0;  // of unsent_, at its front
  std::size_t unsent_bytes_ = 0;
  bool has_read_all_ = true;
  bool wakes_for_input_ = true;
  bool open_ = true;
  bool closes_when_written_ = false;
};

}  // namespace trireme::launcher::dask
