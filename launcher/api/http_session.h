#pragma once

#include <chrono>
#include <memory>
#include <optional>

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "api/event_hub.h"
#include "api/http_gate.h"
#include "api/routes.h"

namespace trireme::launcher {

class Actions;
class Login;

// What all HTTP connections of a server share; it outlives them.
struct HttpFace {
  const SnapshotSource& source;
  EventHub& hub;
  const HttpGate& gate;
  Actions* actions = nullptr;    // null: the port is only read
  const Login* login = nullptr;  // null: nobody need log in
};

// One HTTP/1 connection: reads requests, answers each, keeps the connection until it is idle or ends.
//
// A request is let in or refused by its head; only then is the body of a POST read, up to kMostBodyBytes. Any other
// request that announces a body is answered without it and its connection closed. Heads above kMostHeadBytes get 431,
// bodies above their limit 413. Lives on its context's thread, kept alive by its own pending operations.
class HttpSession : public std::enable_shared_from_this<HttpSession> {
 public:
  static constexpr std::size_t kMostHeadBytes = 16 << 10;
  static constexpr std::size_t kMostBodyBytes = 256 << 10;
  static constexpr std::chrono::seconds kPatience{30};  // for a request, a slow reader of a reply, an idle connection

  enum class Duty {
    kServe,
    kSendToHttps,  // the port speaks TLS and this connection does not
  };

  HttpSession(boost::asio::ip::tcp::socket socket, const HttpFace& face, Duty duty = Duty::kServe);

  void read_request();

 private:
  using ErrorCode = boost::system::error_code;

  void on_head(const ErrorCode& error);
  void on_body(const ErrorCode& error);
  [[nodiscard]] bool takes_body() const;
  [[nodiscard]] std::optional<HttpReply> refusal(const HttpHead& head);
  void refuse_bytes(const ErrorCode& error);
  void reply_to_request();
  [[nodiscard]] HttpReply answer_request() const;
  [[nodiscard]] HttpReply answer_post(const HttpRequest& request) const;
  void become_event_stream(const HttpReply& reply);
  void write(const HttpReply& reply, bool is_head, bool keep_alive);
  template <typename Message>
  void write_message(std::shared_ptr<Message> message);
  void finish();
  void drain();

  boost::beast::tcp_stream stream_;
  const HttpFace& face_;
  const Duty duty_;
  boost::beast::flat_buffer buffer_{kMostHeadBytes};
  std::optional<boost::beast::http::request_parser<boost::beast::http::string_body>> parser_;
  Principal principal_;  // of the request that is being answered
  std::size_t drained_bytes_ = 0;
};

}  // namespace trireme::launcher
