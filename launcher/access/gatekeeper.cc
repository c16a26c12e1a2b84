#include "access/gatekeeper.h"

#include <algorithm>
#include <cctype>

#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme::launcher {

namespace {

Admission refused(bool is_known, std::string why) { return {.is_known = is_known, .refusal = std::move(why)}; }

}  // namespace

Admission admit(const TokenBook& book, std::string_view secret, TokenKind kind, Role needed, double now) {
  if (secret.empty()) {
    return refused(false, message("this needs a token with role {}; the cluster's owner makes one: launcher token "
                                  "create --role {}",
                                  to_text(needed), to_text(needed)));
  }
  const auto [state, token] = book.find(secret, kind, now);
  if (state == TokenState::kExpired) return refused(false, message("the {} has expired; get a new one", to_text(kind)));
  if (state == TokenState::kUnknown) {
    return refused(false, message("the {} is not known here: it was revoked, or is another cluster's", to_text(kind)));
  }
  if (!may(token.role, needed)) {
    return refused(true, message("{} {} has role {}, and this needs role {}", to_text(kind), token.name,
                                 to_text(token.role), to_text(needed)));
  }
  return {.principal = Principal{.name = token.name, .role = token.role, .token_id = token.id}, .is_known = true};
}

bool still_admits(const TokenBook& book, std::string_view id, Role needed, double now) try {
  return std::ranges::any_of(book.tokens(), [&](const Token& token) {
    return !id.empty() && token.id == id && !has_expired(token, now) && may(token.role, needed);
  });
} catch (const DataError&) {
  return false;
}

std::string_view bearer_secret(std::string_view authorization) {
  constexpr std::string_view kScheme = "bearer ";
  if (authorization.size() <= kScheme.size()) return {};
  const bool is_bearer =
      std::equal(kScheme.begin(), kScheme.end(), authorization.begin(),
                 [](char expected, char sent) { return std::tolower(static_cast<unsigned char>(sent)) == expected; });
  return is_bearer ? authorization.substr(kScheme.size()) : std::string_view();
}

}  // namespace trireme::launcher
