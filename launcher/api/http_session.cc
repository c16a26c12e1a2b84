#include "api/http_session.h"

#include <sstream>
#include <string>
#include <utility>

#include <spdlog/spdlog.h>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

namespace trireme::launcher {

namespace {

namespace http = boost::beast::http;
using boost::beast::string_view;

constexpr std::chrono::seconds kDrainPatience{2};
constexpr std::size_t kMostDrainedBytes = 1 << 20;

// Everything the pages need comes from this port, and no other page may embed them.
constexpr const char* kContentSecurityPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'";

std::string to_string(string_view text) { return {text.data(), text.size()}; }

template <typename Message>
void set_headers(Message& message, const HttpReply& reply) {
  message.result(reply.status);
  message.set(http::field::server, "trireme");
  message.set(http::field::content_type, reply.content_type);
  message.set("X-Content-Type-Options", "nosniff");
  message.set("X-Frame-Options", "DENY");
  message.set("Referrer-Policy", "no-referrer");
  message.set("Content-Security-Policy", kContentSecurityPolicy);
  message.set(http::field::cache_control, reply.etag.empty() ? "no-store" : "no-cache");
  if (!reply.etag.empty()) message.set(http::field::etag, reply.etag);
  if (!reply.allow.empty()) message.set(http::field::allow, reply.allow);
}

// A status line and headers without a length: the events that follow end with the connection.
std::string event_stream_head(const HttpReply& reply) {
  http::response<http::empty_body> head;
  set_headers(head, reply);
  head.keep_alive(false);
  std::ostringstream text;
  text << head.base();
  return std::move(text).str();
}

unsigned status_of_bad_request(const boost::system::error_code& error) {
  if (error == http::error::header_limit || error == http::error::buffer_overflow) return 431;
  return error == http::error::bad_version ? 505 : 400;
}

// Whether the error is the peer's bytes (it deserves an answer) rather than the connection's end or a timeout.
bool is_bad_request(const boost::system::error_code& error) {
  return error.category() == http::make_error_code(http::error::bad_method).category() &&
         error != http::error::end_of_stream && error != http::error::partial_message;
}

}  // namespace

HttpSession::HttpSession(boost::asio::ip::tcp::socket socket, const SnapshotSource& source, EventHub& hub)
    : stream_(std::move(socket)), source_(source), hub_(hub) {}

void HttpSession::read_request() {
  parser_.emplace();
  parser_->header_limit(kMostHeadBytes);
  stream_.expires_after(kPatience);
  http::async_read_header(stream_, buffer_, *parser_, [self = shared_from_this()](const ErrorCode& error, std::size_t) {
    self->on_request(error);
  });
}

void HttpSession::on_request(const ErrorCode& error) {
  if (!error) return reply_to_request();
  if (is_bad_request(error)) return write(error_reply(status_of_bad_request(error), error.message()), false, false);
  finish();
}

void HttpSession::reply_to_request() {
  const auto& request = parser_->get();
  const HttpReply reply = answer_safely({.method = to_string(request.method_string()),
                                         .target = to_string(request.target()),
                                         .if_none_match = to_string(request[http::field::if_none_match])});
  const bool is_head = request.method() == http::verb::head;
  if (reply.is_event_stream && !is_head) return become_event_stream(reply);
  const bool has_body = parser_->chunked() || parser_->content_length().value_or(0) > 0;
  write(reply, is_head, parser_->keep_alive() && !has_body);
}

HttpReply HttpSession::answer_safely(const HttpRequest& request) const {
  try {
    return answer(request, source_);
  } catch (const std::exception& error) {
    spdlog::error("event=http_request_failed target=\"{}\" error=\"{}\"", request.target, error.what());
    return error_reply(500, "the scheduler could not answer; its log says why");
  }
}

void HttpSession::become_event_stream(const HttpReply& reply) {
  if (hub_.is_full()) return write(error_reply(503, "too many readers of /events; close one"), false, false);
  hub_.join(stream_.release_socket(), event_stream_head(reply));
}

void HttpSession::write(const HttpReply& reply, bool is_head, bool keep_alive) {
  const auto send = [&](auto message) {
    set_headers(*message, reply);
    message->keep_alive(keep_alive);
    if (reply.status != 304) message->content_length(reply.body.size());
    write_message(std::move(message));
  };
  if (is_head || reply.status == 304) return send(std::make_shared<http::response<http::empty_body>>());
  auto message = std::make_shared<http::response<http::string_body>>();
  message->body() = reply.body;
  send(std::move(message));
}

template <typename Message>
void HttpSession::write_message(std::shared_ptr<Message> message) {
  stream_.expires_after(kPatience);
  http::async_write(stream_, *message, [self = shared_from_this(), message](const ErrorCode& error, std::size_t) {
    if (error) return;
    message->keep_alive() ? self->read_request() : self->finish();
  });
}

// Closing with unread bytes would reset the connection and could take the reply with it, so what comes is read away.
void HttpSession::finish() {
  ErrorCode ignored;
  stream_.socket().shutdown(boost::asio::ip::tcp::socket::shutdown_send, ignored);
  stream_.expires_after(kDrainPatience);
  drain();
}

void HttpSession::drain() {
  buffer_.clear();
  stream_.async_read_some(buffer_.prepare(buffer_.max_size()),
                          [self = shared_from_this()](const ErrorCode& error, std::size_t bytes) {
                            self->drained_bytes_ += bytes;
                            if (!error && self->drained_bytes_ < kMostDrainedBytes) self->drain();
                          });
}

}  // namespace trireme::launcher
