#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <list>
#include <memory>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>

#include "net/tls_pipe.h"

namespace trireme::launcher {

// Where TLS ends: takes connections that begin with a ClientHello and joins them to what serves them plainly.
//
// A handshake that is not done when `patience` is over is given up, and the longest one when more than
// `most_handshakes` are under way, so slow peers cannot keep others out; beyond `most_open` connections in all, new
// ones are turned away. Lives on its context's thread and is destroyed after that thread has stopped.
class TlsDoor {
 public:
  struct Options {
    std::filesystem::path certificate;  // PEM files
    std::filesystem::path key;
    std::chrono::milliseconds patience{10'000};
    std::size_t most_handshakes = 256;
    std::size_t most_open = 4096;
  };

  // `plain_side` is asked for what is behind each connection. Throws DataError naming a file that cannot be used.
  TlsDoor(const Options& options, TlsPipe::PlainSide plain_side);
  ~TlsDoor();
  TlsDoor(const TlsDoor&) = delete;
  TlsDoor& operator=(const TlsDoor&) = delete;

  void welcome(boost::asio::ip::tcp::socket socket);

 private:
  struct Greeting;
  using Handle = std::shared_ptr<Greeting>;

  void forget(const Handle& greeting);

  const Options options_;
  const TlsPipe::PlainSide plain_side_;
  boost::asio::ssl::context context_;
  std::list<Handle> greetings_;  // longest under way first
  std::shared_ptr<std::size_t> open_ = std::make_shared<std::size_t>(0);
};

}  // namespace trireme::launcher
