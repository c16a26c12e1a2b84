#include "access/token.h"

#include <algorithm>
#include <array>
#include <charconv>

#include <nlohmann/json.hpp>

#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme::launcher {

namespace {

constexpr int kTokensVersion = 1;
constexpr std::ptrdiff_t kMostSessions = 256;
constexpr std::array kKinds = {TokenKind::kBearer, TokenKind::kLogin, TokenKind::kSession};

nlohmann::json to_json(const Token& token) {
  return {{"id", token.id},
          {"name", token.name},
          {"role", to_text(token.role)},
          {"kind", to_text(token.kind)},
          {"parent", token.parent},
          {"sha256", to_text(token.digest)},
          {"created", token.created},
          {"expires", token.expires ? nlohmann::json(*token.expires) : nlohmann::json()}};
}

Token token_from_json(const nlohmann::json& json) {
  const auto role = parse_role(json.at("role").get<std::string>());
  const auto kind = std::ranges::find(kKinds, json.at("kind").get<std::string>(),
                                      [](TokenKind one) { return std::string(to_text(one)); });
  const auto digest = parse_digest(json.at("sha256").get<std::string>());
  if (!role || kind == kKinds.end() || !digest) throw DataError("a token has no known role, kind or SHA-256");
  const nlohmann::json& expires = json.at("expires");
  return {.id = json.at("id").get<std::string>(),
          .name = json.at("name").get<std::string>(),
          .role = *role,
          .kind = *kind,
          .parent = json.at("parent").get<std::string>(),
          .digest = *digest,
          .created = json.at("created").get<double>(),
          .expires = expires.is_null() ? std::nullopt : std::optional(expires.get<double>())};
}

}  // namespace

bool has_expired(const Token& token, double now) { return token.expires && *token.expires <= now; }

FoundToken find_token(const std::vector<Token>& tokens, std::string_view secret, TokenKind kind, double now) {
  const Digest digest = digest_of(secret);
  const Token* found = nullptr;
  for (const Token& token : tokens) {
    if (are_equal(token.digest, digest) && token.kind == kind) found = &token;
  }
  if (found == nullptr) return {};
  if (has_expired(*found, now)) return {.state = TokenState::kExpired};
  return {.state = TokenState::kValid, .token = *found};
}

bool remove_token(std::vector<Token>& tokens, std::string_view id) {
  const auto removed =
      std::erase_if(tokens, [&](const Token& token) { return !id.empty() && (token.id == id || token.parent == id); });
  return removed > 0;
}

void tidy(std::vector<Token>& tokens, double now) {
  std::erase_if(tokens,
                [&](const Token& token) { return has_expired(token, now) && token.kind != TokenKind::kBearer; });
  const auto is_session = [](const Token& token) { return token.kind == TokenKind::kSession; };
  for (auto surplus = std::ranges::count_if(tokens, is_session) - kMostSessions; surplus > 0; --surplus) {
    tokens.erase(std::ranges::find_if(tokens, is_session));  // new ones stand at the end
  }
}

nlohmann::json to_json(const std::vector<Token>& tokens) {
  nlohmann::json rows = nlohmann::json::array();
  for (const Token& token : tokens) rows.push_back(to_json(token));
  return {{"version", kTokensVersion}, {"tokens", std::move(rows)}};
}

std::vector<Token> tokens_from_json(const nlohmann::json& json) try {
  if (json.at("version").get<int>() != kTokensVersion) throw DataError("it was written by another version of launcher");
  std::vector<Token> tokens;
  for (const nlohmann::json& row : json.at("tokens")) tokens.push_back(token_from_json(row));
  return tokens;
} catch (const nlohmann::json::exception& error) {
  throw DataError(error.what());
}

std::string_view to_text(TokenKind kind) {
  if (kind == TokenKind::kBearer) return "token";
  return kind == TokenKind::kLogin ? "login" : "session";
}

std::optional<double> parse_lifetime(std::string_view text) {
  unsigned count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc{} || end + 1 != text.data() + text.size() || count == 0) return std::nullopt;
  switch (*end) {
    case 'm':
      return count * 60.0;
    case 'h':
      return count * 3600.0;
    case 'd':
      return count * 86400.0;
    default:
      return std::nullopt;
  }
}

}  // namespace trireme::launcher
