#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string_view>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "dask/server/hub.h"

namespace trireme::fuzz {

// A whole Dask scheduler on a loop that is turned by hand, with up to four peers on loopback. Graphs are opened at once
// and without Python: each wanted key is a task that needs the key before it, and "shuffle-barrier-s" the
// barrier of a shuffle.
class DaskScheduler {
 public:
  static constexpr std::size_t kPeers = 4;

  DaskScheduler();
  ~DaskScheduler();

  // The peer's next message: frame 0 is `body`; two more frames are a serialized value that it may refer to as 1.
  // A peer whose connection the scheduler has closed comes back as a new one.
  void send(std::size_t peer, std::string_view body);
  // Throws InvariantError when the task scheduler has broken an invariant or a peer made the server throw what it does
  // not expect.
  void check() const;

 private:
  struct Peer {
    boost::asio::ip::tcp::socket socket;
    std::shared_ptr<launcher::dask::Connection> connection;  // the scheduler's end
  };

  [[nodiscard]] std::unique_ptr<Peer> connect();
  void turn();

  boost::asio::io_context context_;
  boost::asio::ip::tcp::acceptor acceptor_;
  std::unique_ptr<launcher::dask::Hub> hub_;
  std::array<std::unique_ptr<Peer>, kPeers> peers_;
};

}  // namespace trireme::fuzz
