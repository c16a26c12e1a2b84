#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "access/role.h"
#include "access/secret.h"

// What is remembered of a secret that was given out. Plain values and pure functions; times are seconds since the
// epoch.
namespace trireme::launcher {

enum class TokenKind {
  kBearer,   // "authorization: Bearer SECRET"
  kLogin,    // a login link: turned into a session once
  kSession,  // a browser's cookie
};

struct Token {
  std::string id;    // "t-3f9a01c2": names it in lists and logs, and is no secret
  std::string name;  // whose it is: "ci"
  Role role = Role::kRead;
  TokenKind kind = TokenKind::kBearer;
  std::string parent;  // id of the token a session was opened with, and with which it ends; may be empty
  Digest digest{};
  double created = 0;
  std::optional<double> expires;
};

[[nodiscard]] bool has_expired(const Token& token, double now);

enum class TokenState { kValid, kExpired, kUnknown };
struct FoundToken {
  TokenState state = TokenState::kUnknown;
  Token token;  // when valid
};

// Looks at every token, so that time says nothing about which one was nearly right.
[[nodiscard]] FoundToken find_token(const std::vector<Token>& tokens, std::string_view secret, TokenKind kind,
                                    double now);
// Removes the token of that id and the sessions opened with it; false when there is none.
bool remove_token(std::vector<Token>& tokens, std::string_view id);
// Removes what has expired, and the oldest sessions beyond a bound.
void tidy(std::vector<Token>& tokens, double now);

// {version, tokens: [{id, name, role, kind, parent, sha256, created, expires}]}
[[nodiscard]] nlohmann::json to_json(const std::vector<Token>& tokens);
// Throws DataError for what is no such document.
[[nodiscard]] std::vector<Token> tokens_from_json(const nlohmann::json& json);

[[nodiscard]] std::string_view to_text(TokenKind kind);

// "30d", "12h", "45m" in seconds; nullopt for anything else.
[[nodiscard]] std::optional<double> parse_lifetime(std::string_view text);

}  // namespace trireme::launcher
