#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <list>
#include <memory>

#include <boost/asio/ip/tcp.hpp>

#include "api/protocol_sniff.h"

namespace trireme::launcher {

// Peeks at new connections until it is known what they speak, then passes them on with nothing consumed.
//
// A connection that stays silent or undecided until `patience` is over is closed; so is the one that waited longest
// when more than `max_waiting` wait, so silent peers cannot keep others out. Lives on its context's thread and is
// destroyed after that thread has stopped.
class ConnectionSorter {
 public:
  using Sink = std::function<void(boost::asio::ip::tcp::socket)>;
  // What is done with each kind; the connections of a kind without a sink are closed.
  struct Sinks {
    Sink grpc;
    Sink http;
    Sink tls;
  };
  struct Options {
    std::chrono::milliseconds patience{10'000};
    std::size_t max_waiting = 256;
  };

  ConnectionSorter(Options options, Sinks sinks);
  ~ConnectionSorter();
  ConnectionSorter(const ConnectionSorter&) = delete;
  ConnectionSorter& operator=(const ConnectionSorter&) = delete;

  void sort(boost::asio::ip::tcp::socket socket);

 private:
  struct Waiting;
  using Handle = std::shared_ptr<Waiting>;

  void peek_when_readable(const Handle& waiting);
  void peek_after_pause(const Handle& waiting);
  void peek(const Handle& waiting);
  [[nodiscard]] const Sink& sink_for(Protocol protocol) const;
  void forget(const Handle& waiting);

  Options options_;
  const Sinks sinks_;
  std::list<Handle> waiting_;  // longest waiting first
};

}  // namespace trireme::launcher
