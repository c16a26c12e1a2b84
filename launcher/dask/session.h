#pragma once

#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include "dask/frame_codec.h"
#include "dask/handlers.h"

namespace trireme::launcher::dask {

// One connection of a Dask peer: handshake, then requests and replies, then perhaps a client's stream.
//
// Messages are handled one after the other and each answer is written before the next message is read, so a peer that
// does not read cannot make answers pile up. A peer that does not shake hands within kPatience, or sends what is no
// Dask message, is disconnected. Lives on its context's thread, kept alive by its own pending operations.
class Session : public std::enable_shared_from_this<Session> {
 public:
  static constexpr std::chrono::seconds kPatience{10};

  Session(boost::asio::ip::tcp::socket socket, Scene scene);

  void start();

 private:
  using ErrorCode = boost::system::error_code;

  void read();
  void advance();
  [[nodiscard]] bool handle_next();
  [[nodiscard]] Answer answer(std::string_view frame);
  [[nodiscard]] Answer accept_handshake(std::string_view frame);
  void write(std::string frame);
  void close();

  boost::asio::ip::tcp::socket socket_;
  boost::asio::steady_timer deadline_;
  Scene scene_;
  FrameReader reader_;
  bool has_shaken_hands_ = false;
  Then mode_ = Then::kNextRequest;
  std::array<char, 32 << 10> bytes_{};
  std::string_view unread_;  // of bytes_
  std::string written_;      // being written
};

}  // namespace trireme::launcher::dask
