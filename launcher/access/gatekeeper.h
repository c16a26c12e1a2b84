#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "access/token_book.h"

namespace trireme::launcher {

// Who does something.
struct Principal {
  std::string name;  // the token's, or "local" where nobody is asked
  Role role = Role::kAdmin;
  std::string token_id;  // empty where nobody is asked
};

// Whether somebody is let in; when not, which of HTTP's and gRPC's two refusals it is, and why, in words.
struct Admission {
  std::optional<Principal> principal;
  bool is_known = false;  // false: 401, UNAUTHENTICATED; true: 403, PERMISSION_DENIED
  std::string refusal;
};

// Decides by a secret whether its holder may do what `needed` stands for; an empty secret is nobody's. Throws DataError
// when the book cannot be read.
[[nodiscard]] Admission admit(const TokenBook& book, std::string_view secret, TokenKind kind, Role needed, double now);

// Whether the token of that id still lets its holder do so: for what goes on after it was let in. An empty id is
// nobody's. False when the book cannot be read.
[[nodiscard]] bool still_admits(const TokenBook& book, std::string_view id, Role needed, double now);

// "Bearer trm_…" → "trm_…"; empty for anything else.
[[nodiscard]] std::string_view bearer_secret(std::string_view authorization);

}  // namespace trireme::launcher
