#include "peer_connection.h"

namespace trireme::bench {

namespace asio = boost::asio;
namespace dask = launcher::dask;

void PeerConnection::connect(const asio::ip::tcp::endpoint& endpoint) {
  socket_.connect(endpoint);
  socket_.set_option(asio::ip::tcp::no_delay(true));
  send(dask::handshake());
  read();
}

void PeerConnection::send(const std::string& bytes) {
  waiting_ += bytes;
  if (writing_.empty()) write();
}

void PeerConnection::read() {
  const auto room = reader_.room();
  auto then = [self = shared_from_this()](const boost::system::error_code& error, std::size_t count) {
    if (error) return;  // the scheduler ended
    self->reader_.filled(count);
    while (auto frames = self->reader_.next()) {
      const auto message = dask::Message::decode(std::move(*frames));
      if (std::exchange(self->has_shaken_hands_, true)) self->on_message_(message);
    }
    self->read();
  };
  socket_.async_read_some(asio::buffer(room.data(), room.size()), std::move(then));
}

void PeerConnection::write() {
  writing_.swap(waiting_);
  waiting_.clear();
  if (writing_.empty()) return;
  asio::async_write(socket_, asio::buffer(writing_),
                    [self = shared_from_this()](const boost::system::error_code& error, std::size_t) {
                      self->writing_.clear();
                      if (!error) self->write();
                    });
}

}  // namespace trireme::bench
