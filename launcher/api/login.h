#pragma once

#include <string>

#include "access/token_book.h"
#include "api/routes.h"

namespace trireme::launcher {

// How the page gets its cookie. The login page sends what stood behind the # of the link, which browsers send to
// nobody, or a token that was typed in.
//
//   POST /api/login  {"secret": "trm_…"}  204 and the cookie, or 401
//   POST /api/logout {}                   204, and the session is over
class Login {
 public:
  static constexpr long kSessionSeconds = 12 * 3600;

  // `tokens` outlives it.
  Login(TokenBook& tokens, std::string cookie, bool is_tls)
      : tokens_(tokens), cookie_(std::move(cookie)), is_tls_(is_tls) {}

  [[nodiscard]] static bool is_for(std::string_view path) { return path == "/api/login" || path == "/api/logout"; }
  // For a POST to one of its paths. Throws DataError when the tokens cannot be read or written.
  [[nodiscard]] HttpReply answer(const HttpRequest& request, double now) const;

 private:
  [[nodiscard]] HttpReply log_in(const HttpRequest& request, double now) const;
  [[nodiscard]] HttpReply log_out(const HttpRequest& request) const;

  TokenBook& tokens_;
  const std::string cookie_;
  const bool is_tls_;
};

}  // namespace trireme::launcher
