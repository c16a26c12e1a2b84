#include "net/tls_pipe.h"

#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>

namespace trireme::launcher {

namespace {

namespace asio = boost::asio;

constexpr std::chrono::seconds kFarewell{2};

std::string_view agreed_protocol(SSL* connection) {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(connection, &name, &size);
  return {reinterpret_cast<const char*>(name), size};
}

}  // namespace

TlsPipe::TlsPipe(Socket socket, asio::ssl::context& context)
    : outer_(std::move(socket), context), inner_(outer_.get_executor()), stall_(outer_.get_executor()) {}

void TlsPipe::open(PlainSide plain_side, std::function<void()> on_end) {
  outer_.async_handshake(asio::ssl::stream_base::server, [self = shared_from_this(), plain_side = std::move(plain_side),
                                                          on_end = std::move(on_end)](const ErrorCode& error) {
    on_end();
    if (error) return self->close();
    self->begin_to_move(plain_side(agreed_protocol(self->outer_.native_handle())));
  });
}

void TlsPipe::begin_to_move(UniqueFd plain) {
  if (!plain) return close();
  // A unix socket passes for a TCP one: Asio asks for the protocol only where a socket is made or bound.
  inner_.assign(asio::ip::tcp::v4(), plain.release());
  move_in();
  move_out();
}

void TlsPipe::move_in() {
  outer_.async_read_some(asio::buffer(inward_), [self = shared_from_this()](const ErrorCode& error, std::size_t bytes) {
    ErrorCode ignored;
    if (error) {
      self->inner_.shutdown(Socket::shutdown_send, ignored);  // the plain side answers by ending, or writes on
      return;
    }
    asio::async_write(self->inner_, asio::buffer(self->inward_, bytes),
                      [self](const ErrorCode& failure, std::size_t) { failure ? self->close() : self->move_in(); });
  });
}

void TlsPipe::move_out() {
  inner_.async_read_some(asio::buffer(outward_),
                         [self = shared_from_this()](const ErrorCode& error, std::size_t bytes) {
                           error ? self->shut_down() : self->write_out(bytes);
                         });
}

void TlsPipe::write_out(std::size_t bytes) {
  close_after(kStallPatience);
  asio::async_write(outer_, asio::buffer(outward_, bytes), [self = shared_from_this()](const ErrorCode& error, auto) {
    self->stall_.cancel();
    error ? self->close() : self->move_out();
  });
}

void TlsPipe::shut_down() {
  close_after(kFarewell);
  outer_.async_shutdown([self = shared_from_this()](const ErrorCode&) {
    ErrorCode ignored;
    self->outer_.lowest_layer().shutdown(Socket::shutdown_send, ignored);
    self->drain();
  });
}

// Closing with unread bytes would reset the connection and could take the last reply with it.
void TlsPipe::drain() {
  outer_.next_layer().async_read_some(asio::buffer(outward_),
                                      [self = shared_from_this()](const ErrorCode& error, auto) {
                                        if (!error) return self->drain();
                                        self->stall_.cancel();
                                        self->close();
                                      });
}

void TlsPipe::close_after(std::chrono::seconds patience) {
  stall_.expires_after(patience);
  stall_.async_wait([self = shared_from_this()](const ErrorCode& error) {
    if (!error) self->close();
  });
}

void TlsPipe::close() {
  ErrorCode ignored;
  outer_.lowest_layer().close(ignored);
  inner_.close(ignored);
}

}  // namespace trireme::launcher
