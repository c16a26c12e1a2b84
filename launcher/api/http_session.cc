#include "api/http_session.h"

#include <sstream>
#include <string>
#include <utility>

#include <spdlog/spdlog.h>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>

#include "api/actions.h"
#include "api/login.h"
#include "api/query.h"
#include "scheduler/clock.h"

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
  message.set("Cross-Origin-Resource-Policy", "same-origin");
  message.set("Cross-Origin-Opener-Policy", "same-origin");
  message.set("Content-Security-Policy", kContentSecurityPolicy);
  message.set(http::field::cache_control, reply.etag.empty() ? "no-store" : "no-cache");
  if (!reply.etag.empty()) message.set(http::field::etag, reply.etag);
  if (!reply.allow.empty()) message.set(http::field::allow, reply.allow);
  for (const auto& [name, value] : reply.headers) message.set(name, value);
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
  if (error == http::error::body_limit) return 413;
  if (error == http::error::header_limit || error == http::error::buffer_overflow) return 431;
  return error == http::error::bad_version ? 505 : 400;
}

// Whether the error is the peer's bytes (it deserves an answer) rather than the connection's end or a timeout.
bool is_bad_request(const boost::system::error_code& error) {
  return error.category() == http::make_error_code(http::error::bad_method).category() &&
         error != http::error::end_of_stream && error != http::error::partial_message;
}

HttpHead head_of(const http::request_parser<http::string_body>& parser) {
  const auto& request = parser.get();
  return {.method = to_string(request.method_string()),
          .target = to_string(request.target()),
          .host = to_string(request[http::field::host]),
          .origin = to_string(request[http::field::origin]),
          .fetch_site = to_string(request["Sec-Fetch-Site"]),
          .content_type = to_string(request[http::field::content_type]),
          .authorization = to_string(request[http::field::authorization]),
          .cookie = to_string(request[http::field::cookie]),
          .is_length_known = parser.chunked() || parser.content_length().has_value()};
}

HttpReply failed(const std::string& target, const std::exception& error) {
  spdlog::error("event=http_request_failed path=\"{}\" error=\"{}\"", path_of(target), error.what());
  return error_reply(500, "the scheduler could not answer; its log says why");
}

}  // namespace

HttpSession::HttpSession(boost::asio::ip::tcp::socket socket, const HttpFace& face, Duty duty)
    : stream_(std::move(socket)), face_(face), duty_(duty) {}

void HttpSession::read_request() {
  parser_.emplace();
  parser_->header_limit(kMostHeadBytes);
  parser_->body_limit(kMostBodyBytes);
  stream_.expires_after(kPatience);
  http::async_read_header(stream_, buffer_, *parser_,
                          [self = shared_from_this()](const ErrorCode& error, std::size_t) { self->on_head(error); });
}

void HttpSession::on_head(const ErrorCode& error) {
  if (error) return refuse_bytes(error);
  const bool is_head = parser_->get().method() == http::verb::head;
  const bool has_body = parser_->chunked() || parser_->content_length().value_or(0) > 0;
  if (const auto refused = refusal(head_of(*parser_))) {
    return write(*refused, is_head, parser_->keep_alive() && !has_body);
  }
  if (!takes_body()) return reply_to_request();
  stream_.expires_after(kPatience);
  http::async_read(stream_, buffer_, *parser_,
                   [self = shared_from_this()](const ErrorCode& failure, std::size_t) { self->on_body(failure); });
}

void HttpSession::on_body(const ErrorCode& error) { error ? refuse_bytes(error) : reply_to_request(); }

bool HttpSession::takes_body() const {
  if (parser_->get().method() != http::verb::post) return false;
  const std::string target = to_string(parser_->get().target());
  const std::string_view path = path_of(target);
  return (face_.actions != nullptr && is_action(path)) || (face_.login != nullptr && Login::is_for(path));
}

std::optional<HttpReply> HttpSession::refusal(const HttpHead& head) {
  if (duty_ == Duty::kSendToHttps) return face_.gate.send_to_https(head);
  try {
    HttpAdmission admission = face_.gate.admit(head, seconds_since_epoch());
    principal_ = std::move(admission.principal);
    return std::move(admission.refusal);
  } catch (const std::exception& error) {
    return failed(head.target, error);
  }
}

void HttpSession::refuse_bytes(const ErrorCode& error) {
  if (is_bad_request(error)) return write(error_reply(status_of_bad_request(error), error.message()), false, false);
  finish();
}

void HttpSession::reply_to_request() {
  const HttpReply reply = answer_request();
  const bool is_head = parser_->get().method() == http::verb::head;
  if (reply.is_event_stream && !is_head) return become_event_stream(reply);
  const bool is_read = parser_->is_done() || (!parser_->chunked() && parser_->content_length().value_or(0) == 0);
  write(reply, is_head, parser_->keep_alive() && is_read);
}

HttpReply HttpSession::answer_request() const {
  const auto& message = parser_->get();
  const HttpRequest request{.method = to_string(message.method_string()),
                            .target = to_string(message.target()),
                            .if_none_match = to_string(message[http::field::if_none_match]),
                            .body = message.body(),
                            .principal = principal_};
  try {
    return takes_body() ? answer_post(request) : answer(request, face_.source);
  } catch (const std::exception& error) {
    return failed(request.target, error);
  }
}

HttpReply HttpSession::answer_post(const HttpRequest& request) const {
  if (Login::is_for(path_of(request.target))) return face_.login->answer(request, seconds_since_epoch());
  const HttpReply reply = answer_action(request, face_.source.snapshot().name, *face_.actions);
  spdlog::info("event=http_action path={} by={} status={}", path_of(request.target), request.principal.name,
               reply.status);
  return reply;
}

void HttpSession::become_event_stream(const HttpReply& reply) {
  if (face_.hub.is_full()) return write(error_reply(503, "too many readers of /events; close one"), false, false);
  face_.hub.join(stream_.release_socket(), event_stream_head(reply), [&gate = face_.gate, reader = principal_] {
    return gate.still_admits(reader, seconds_since_epoch());
  });
}

void HttpSession::write(const HttpReply& reply, bool is_head, bool keep_alive) {
  const bool is_bodiless = reply.status == 204 || reply.status == 304;
  const auto send = [&](auto message) {
    set_headers(*message, reply);
    message->keep_alive(keep_alive);
    if (!is_bodiless) message->content_length(reply.body.size());
    write_message(std::move(message));
  };
  if (is_head || is_bodiless) return send(std::make_shared<http::response<http::empty_body>>());
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
