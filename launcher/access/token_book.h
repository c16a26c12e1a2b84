#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "access/token.h"

namespace trireme::launcher {

struct NewToken {
  std::string name;
  Role role = Role::kRead;
  TokenKind kind = TokenKind::kBearer;
  std::string parent;
  std::optional<double> lifetime;  // seconds; nullopt: until it is revoked
};

// A token as it is given out, the only time its secret is known.
struct MadeToken {
  Token token;
  std::string secret;
};

// The tokens of one cluster, in a file of its state folder that only the owner may read: their digests, never they.
//
// The scheduler and any number of commands work on the file at once: writers take a lock beside it and replace it,
// readers see that it was replaced and read it again. Thread-safe. Members throw DataError naming the file when it
// cannot be used, so that nobody is let in by a damaged one; a file that is not there holds no tokens.
class TokenBook {
 public:
  explicit TokenBook(std::filesystem::path file) : file_(std::move(file)) {}

  MadeToken make(const NewToken& request, double now);
  // Removes the token, and the sessions opened with it; false when there is none of that id.
  bool revoke(std::string_view id);
  // Removes every bearer token of that name; for those the launcher makes for itself.
  void revoke_named(std::string_view name);
  [[nodiscard]] std::vector<Token> tokens() const { return *current(); }

  [[nodiscard]] FoundToken find(std::string_view secret, TokenKind kind, double now) const;
  // Opens a session of `lifetime` seconds with a login code, which is used up, or with a bearer token, which the
  // session outlives in no case. Nothing else happens when the secret is neither.
  [[nodiscard]] std::optional<MadeToken> open_session(std::string_view secret, double lifetime, double now);

 private:
  // When the file was replaced: no two versions have the same.
  struct Stamp {
    std::uint64_t inode = 0;
    std::int64_t seconds = 0;
    std::int64_t nanoseconds = 0;
    friend bool operator==(const Stamp&, const Stamp&) = default;
  };

  using Tokens = std::shared_ptr<const std::vector<Token>>;

  [[nodiscard]] Stamp stamp() const;
  [[nodiscard]] std::vector<Token> read() const;
  [[nodiscard]] Tokens current() const;
  void edit(const std::function<bool(std::vector<Token>&)>& change);

  const std::filesystem::path file_;
  mutable std::mutex mutex_;  // guards what follows
  mutable Stamp seen_;
  mutable Tokens tokens_ = std::make_shared<const std::vector<Token>>();
};

}  // namespace trireme::launcher
