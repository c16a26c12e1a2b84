#include "dask/server/connection.h"

#include <utility>

#include <spdlog/spdlog.h>

#include "dask/server/address.h"
#include "dask/wire/handshake.h"

namespace trireme::launcher::dask {

namespace {

namespace asio = boost::asio;
using boost::system::error_code;

// Handed to the kernel in one call.
constexpr std::size_t kMostPieces = 64;

std::string local_address_of(Transport& transport) {
  error_code error;
  return address_text(transport.is_secure(), transport.socket().local_endpoint(error));
}

std::string peer_address_of(Transport& transport) {
  error_code error;
  return address_text(transport.is_secure(), transport.socket().remote_endpoint(error));
}

}  // namespace

Connection::Connection(Transport transport, const ConnectionLimits& limits)
    : transport_(std::move(transport)),
      limits_(limits),
      reader_(kHandshakeLimits),
      local_address_(local_address_of(transport_)),
      peer_address_(peer_address_of(transport_)),
      deadline_(executor()),
      written_event_(executor(), asio::steady_timer::time_point::max()) {}

Awaitable<void> Connection::shake_hands(bool as_server) {
  const auto self = shared_from_this();
  deadline_.expires_after(limits_.handshake_patience);
  deadline_.async_wait([self](const error_code& error) {
    if (!error) self->close();
  });
  co_await transport_.shake_hands(as_server);
  send(handshake());
  const Message first = co_await read();
  if (!is_handshake(first.root())) throw MessageError("the first message is no handshake");
  deadline_.cancel();
  reader_.set_limits(limits_.frames);
}

Awaitable<Message> Connection::read() {
  while (true) {
    if (auto message = next_of_those_read()) co_return std::move(*message);
    const std::span<char> room = reader_.room();
    take_in(co_await transport_.read_some(room), room.size());
  }
}

std::optional<Message> Connection::read_now() {
  while (true) {
    if (auto message = next_of_those_read()) return message;
    const std::span<char> room = reader_.room();
    const std::size_t count = transport_.read_now(room);
    if (count == 0) return std::nullopt;
    take_in(count, room.size());
  }
}

void Connection::take_in(std::size_t count, std::size_t room) {
  has_read_all_ = count < room;
  reader_.filled(count);
}

void Connection::wake_for_input(bool wakes) {
  if (std::exchange(wakes_for_input_, wakes) != wakes) transport_.wake_for_input(wakes);
}

std::optional<Message> Connection::next_of_those_read() {
  auto frames = reader_.next();
  return frames ? std::optional(Message::decode(std::move(*frames))) : std::nullopt;
}

void Connection::send(Outgoing message) {
  if (!open_) return;
  unsent_bytes_ += message.owned_size;
  unsent_.push_back(std::move(message));
  if (unsent_.size() > 1 && unsent_bytes_ > limits_.unsent_bytes) return drop_slow_reader();
  if (writing_ == 0) write_next();
}

void Connection::drop_slow_reader() {
  spdlog::warn(
      "event=dask_peer_dropped peer={} reason=\"it does not read: {} messages of {} bytes wait, the limit is {}\"",
      peer_address_, unsent_.size(), unsent_bytes_, limits_.unsent_bytes);
  close();
}

void Connection::write_next() {
  std::vector<asio::const_buffer> buffers;
  while (writing_ < unsent_.size() && buffers.size() < kMostPieces) {
    for (const Bytes& piece : unsent_[writing_].pieces) buffers.emplace_back(piece.view().data(), piece.size());
    ++writing_;
  }
  transport_.write(buffers,
                   [self = shared_from_this()](const error_code& error, std::size_t) { self->finish_write(error); });
}

void Connection::finish_write(const error_code& error) {
  for (; writing_ > 0; --writing_) {
    unsent_bytes_ -= unsent_.front().owned_size;
    unsent_.pop_front();
  }
  if (error) return close();
  if (!unsent_.empty() && open_) return write_next();
  written_event_.cancel();
  if (closes_when_written_) close();
}

Awaitable<void> Connection::written() {
  const auto self = shared_from_this();
  while (open_ && !unsent_.empty()) {
    error_code ignored;
    co_await written_event_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
}

void Connection::close() {
  if (!std::exchange(open_, false)) return;
  deadline_.cancel();
  written_event_.cancel();
  transport_.close();
  if (writing_ == 0) unsent_.clear();
}

void Connection::close_when_written() {
  closes_when_written_ = true;
  if (unsent_.empty()) close();
}

}  // namespace trireme::launcher::dask
