#pragma once

#include <chrono>
#include <memory>
#include <optional>

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>

#include "api/event_hub.h"
#include "api/routes.h"

namespace trireme::launcher {

// One HTTP/1 connection: reads requests' heads, answers each, keeps the connection until it is idle or ends.
//
// Bodies are never read: nothing here takes one, so a request that announces one is answered and its connection closed.
// Heads above kMostHeadBytes get 431. Lives on its context's thread, kept alive by its own pending operations; `hub`
// and `source` must outlive the thread.
class HttpSession : public std::enable_shared_from_this<HttpSession> {
 public:
  static constexpr std::size_t kMostHeadBytes = 16 << 10;
  static constexpr std::chrono::seconds kPatience{30};  // for a request, a slow reader of a reply, an idle connection

  HttpSession(boost::asio::ip::tcp::socket socket, const SnapshotSource& source, EventHub& hub);

  void read_request();

 private:
  using ErrorCode = boost::system::error_code;

  void on_request(const ErrorCode& error);
  void reply_to_request();
  [[nodiscard]] HttpReply answer_safely(const HttpRequest& request) const;
  void become_event_stream(const HttpReply& reply);
  void write(const HttpReply& reply, bool is_head, bool keep_alive);
  template <typename Message>
  void write_message(std::shared_ptr<Message> message);
  void finish();
  void drain();

  boost::beast::tcp_stream stream_;
  const SnapshotSource& source_;
  EventHub& hub_;
  boost::beast::flat_buffer buffer_{kMostHeadBytes};
  std::optional<boost::beast::http::request_parser<boost::beast::http::empty_body>> parser_;
  std::size_t drained_bytes_ = 0;
};

}  // namespace trireme::launcher
