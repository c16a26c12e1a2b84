#include "access/token_book.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <nlohmann/json.hpp>

#include "access/private_file.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"
#include "trireme/base/unique_fd.h"

namespace trireme::launcher {

namespace {

// Held while a book is read, changed and written.
UniqueFd lock_beside(const std::filesystem::path& file) {
  UniqueFd lock(open((file.string() + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock || flock(lock.get(), LOCK_EX) != 0) {
    throw DataError(message("cannot lock {}: {}", file.string(), std::strerror(errno)));
  }
  return lock;
}

MadeToken make_token(const NewToken& request, double now) {
  MadeToken made{.secret = make_secret()};
  made.token = {.id = "t-" + random_digits(4),
                .name = request.name,
                .role = request.role,
                .kind = request.kind,
                .parent = request.parent,
                .digest = digest_of(made.secret),
                .created = now};
  if (request.lifetime) made.token.expires = now + *request.lifetime;
  return made;
}

}  // namespace

TokenBook::Stamp TokenBook::stamp() const {
  struct stat status {};
  if (::stat(file_.c_str(), &status) == 0) return {status.st_ino, status.st_mtim.tv_sec, status.st_mtim.tv_nsec};
  if (errno == ENOENT) return {};
  throw DataError(message("cannot read {}: {}", file_.string(), std::strerror(errno)));
}

std::vector<Token> TokenBook::read() const {
  if (stamp() == Stamp{}) return {};
  try {
    return tokens_from_json(nlohmann::json::parse(read_private_file(file_)));
  } catch (const nlohmann::json::exception& error) {
    throw DataError(message("{} holds no tokens ({}); remove it and make new ones", file_.string(), error.what()));
  } catch (const DataError& error) {
    throw DataError(message("{} cannot be used: {}", file_.string(), error.what()));
  }
}

TokenBook::Tokens TokenBook::current() const {
  const Stamp now = stamp();  // before the file is read: a version that comes in between is read once more, not missed
  const std::lock_guard lock(mutex_);
  if (now != seen_) {
    tokens_ = std::make_shared<const std::vector<Token>>(read());
    seen_ = now;
  }
  return tokens_;
}

void TokenBook::edit(const std::function<bool(std::vector<Token>&)>& change) {
  const UniqueFd lock = lock_beside(file_);
  std::vector<Token> tokens = read();
  if (change(tokens)) write_private_file(file_, launcher::to_json(tokens).dump(2) + "\n");
}

MadeToken TokenBook::make(const NewToken& request, double now) {
  MadeToken made = make_token(request, now);
  edit([&](std::vector<Token>& tokens) {
    tidy(tokens, now);
    tokens.push_back(made.token);
    return true;
  });
  return made;
}

bool TokenBook::revoke(std::string_view id) {
  bool is_removed = false;
  edit([&](std::vector<Token>& tokens) { return is_removed = remove_token(tokens, id); });
  return is_removed;
}

void TokenBook::revoke_named(std::string_view name) {
  edit([&](std::vector<Token>& tokens) {
    std::vector<std::string> ids;
    for (const Token& token : tokens) {
      if (token.name == name && token.kind == TokenKind::kBearer) ids.push_back(token.id);
    }
    for (const std::string& id : ids) remove_token(tokens, id);
    return !ids.empty();
  });
}

FoundToken TokenBook::find(std::string_view secret, TokenKind kind, double now) const {
  return find_token(*current(), secret, kind, now);
}

std::optional<MadeToken> TokenBook::open_session(std::string_view secret, double lifetime, double now) {
  std::optional<MadeToken> session;
  edit([&](std::vector<Token>& tokens) {
    const FoundToken code = find_token(tokens, secret, TokenKind::kLogin, now);
    const FoundToken opener =
        code.state == TokenState::kValid ? code : find_token(tokens, secret, TokenKind::kBearer, now);
    if (opener.state != TokenState::kValid) return false;
    const Token& by = opener.token;
    const bool is_code = by.kind == TokenKind::kLogin;
    session = make_token({.name = by.name,
                          .role = by.role,
                          .kind = TokenKind::kSession,
                          .parent = is_code ? by.parent : by.id,
                          .lifetime = lifetime},
                         now);
    if (!is_code && by.expires) session->token.expires = std::min(*session->token.expires, *by.expires);
    if (is_code) std::erase_if(tokens, [&](const Token& token) { return token.id == by.id; });
    tidy(tokens, now);
    tokens.push_back(session->token);
    return true;
  });
  return session;
}

}  // namespace trireme::launcher
