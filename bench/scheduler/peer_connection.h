#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <boost/asio.hpp>

#include "dask/wire/frame_reader.h"
#include "dask/wire/handshake.h"
#include "dask/wire/message.h"
#include "dask/wire/message_writer.h"

namespace trireme::bench {

// A connection to a scheduler that reads messages one after the other and writes whole batches.
class PeerConnection : public std::enable_shared_from_this<PeerConnection> {
 public:
  using OnMessage = std::function<void(const launcher::dask::Message&)>;

  PeerConnection(boost::asio::io_context& io, OnMessage on_message) : socket_(io), on_message_(std::move(on_message)) {}

  void connect(const boost::asio::ip::tcp::endpoint& endpoint);
  void send(const launcher::dask::Outgoing& message) { send(message.joined()); }
  // Whole messages as they go on the socket.
  void send(const std::string& bytes);

 private:
  void read();
  void write();

  boost::asio::ip::tcp::socket socket_;
  const OnMessage on_message_;
  launcher::dask::FrameReader reader_;
  bool has_shaken_hands_ = false;
  std::string waiting_;
  std::string writing_;
};

}  // namespace trireme::bench
