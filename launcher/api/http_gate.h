#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "access/gatekeeper.h"
#include "access/served_names.h"
#include "api/routes.h"

namespace trireme::launcher {

// What of a request's head decides whether it is let in. Empty: the header was absent.
struct HttpHead {
  std::string method;
  std::string target;
  std::string host;
  std::string origin;
  std::string fetch_site;  // Sec-Fetch-Site: what a browser says of the page that asks
  std::string content_type;
  std::string authorization;
  std::string cookie;
  bool is_length_known = false;  // Content-Length or chunks
};

// Let in as somebody, or refused with a reply.
struct HttpAdmission {
  std::optional<HttpReply> refusal;
  Principal principal;
};

// Decides about requests before their bodies are read: by the name they were sent to, by the page they come from, and
// where the port is guarded by the token or cookie they bring. README.md says which reply means what. Thread-safe.
class HttpGate {
 public:
  struct Options {
    bool is_tls = false;
    ServedNames names;
    std::string cookie;                 // its name; see session_cookie_name()
    const TokenBook* tokens = nullptr;  // null: nobody is asked
  };

  explicit HttpGate(Options options) : options_(std::move(options)) {}

  // Throws DataError when the tokens cannot be read.
  [[nodiscard]] HttpAdmission admit(const HttpHead& head, double now) const;
  // Whether somebody who was let in to read may go on reading: their token was not revoked, nor has it expired.
  [[nodiscard]] bool still_admits(const Principal& reader, double now) const;
  // For what comes in plain text to a port that speaks TLS: on to https where that is harmless, else an error.
  [[nodiscard]] HttpReply send_to_https(const HttpHead& head) const;

 private:
  [[nodiscard]] std::optional<HttpReply> refuse_place(const HttpHead& head) const;
  [[nodiscard]] std::optional<HttpReply> refuse_post(const HttpHead& head) const;
  [[nodiscard]] HttpAdmission admit_holder(const HttpHead& head, Role needed, double now) const;

  const Options options_;
};

}  // namespace trireme::launcher
