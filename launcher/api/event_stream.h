#pragma once

#include <array>
#include <cstddef>
#include <deque>
#include <memory>
#include <string>

#include <boost/asio/ip/tcp.hpp>

namespace trireme::launcher {

// One reader of /events: a connection that server-sent events are written to until it ends.
//
// Holds at most kMostBytes that the reader has not taken; one that falls further behind is dropped and may come again.
// Lives on its context's thread, kept alive by its own pending operations.
class EventStream : public std::enable_shared_from_this<EventStream> {
 public:
  static constexpr std::size_t kMostBytes = 4 << 20;
  using Text = std::shared_ptr<const std::string>;  // shared by all readers

  // `head` is the HTTP response's head, written first.
  EventStream(boost::asio::ip::tcp::socket socket, Text head);

  void start();
  // Queues a complete event. Drops the reader when that is more than it may hold.
  void offer(Text event);
  [[nodiscard]] bool is_open() const { return socket_.is_open(); }
  void close();

 private:
  void write_next();
  void watch_for_end();

  boost::asio::ip::tcp::socket socket_;
  std::deque<Text> queue_;  // the front is being written
  std::size_t queued_bytes_ = 0;
  std::array<char, 512> ignored_{};
};

}  // namespace trireme::launcher
