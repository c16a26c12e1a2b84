#include "api/http_gate.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "access/role.h"
#include "api/cookies.h"
#include "api/query.h"
#include "trireme/base/message.h"

namespace trireme::launcher {

namespace {

bool is_json(std::string_view content_type) {
  std::string kind(content_type.substr(0, content_type.find(';')));
  kind.erase(kind.find_last_not_of(" \t") + 1);
  std::ranges::transform(kind, kind.begin(), [](unsigned char letter) { return std::tolower(letter); });
  return kind == "application/json";
}

// What people open in a browser, as opposed to what programs read.
bool is_page(std::string_view path) {
  return !path.starts_with("/json/") && !path.starts_with("/api/") && path != "/events" && path != "/metrics";
}

HttpReply redirect(unsigned status, std::string where) {
  return {.status = status, .headers = {{"Location", std::move(where)}}};
}

}  // namespace

HttpAdmission HttpGate::admit(const HttpHead& head, double now) const {
  if (auto refusal = refuse_place(head)) return {.refusal = std::move(refusal)};
  const std::optional<Role> needed = role_for_http(head.method, path_of(head.target));
  if (options_.tokens == nullptr && path_of(head.target) == "/login") return {.refusal = redirect(303, "/")};
  HttpAdmission admission{.principal = {.name = "local"}};
  if (options_.tokens != nullptr && needed) admission = admit_holder(head, *needed, now);
  if (!admission.refusal && head.method == "POST") admission.refusal = refuse_post(head);
  return admission;
}

// Requests that a browser makes for a stranger's page: under a name of the stranger's, or with that page's origin.
std::optional<HttpReply> HttpGate::refuse_place(const HttpHead& head) const {
  if (!head.host.empty() && !options_.names.contains(head.host)) {
    return error_reply(421, message("this port does not serve that host name; it serves {}; more with: launcher up "
                                    "--host-name NAME",
                                    options_.names.to_text()));
  }
  if (head.method == "GET" || head.method == "HEAD") return std::nullopt;
  const bool is_own_origin =
      head.origin.empty() || head.origin == message("{}://{}", options_.is_tls ? "https" : "http", head.host);
  const bool is_own_site = head.fetch_site.empty() || head.fetch_site == "same-origin" || head.fetch_site == "none";
  if (is_own_origin && is_own_site) return std::nullopt;
  return error_reply(403, "requests that change something are not taken from other sites' pages");
}

std::optional<HttpReply> HttpGate::refuse_post(const HttpHead& head) const {
  if (!is_json(head.content_type)) return error_reply(415, "the body must be JSON: Content-Type: application/json");
  if (!head.is_length_known) return error_reply(411, "the request needs a Content-Length");
  return std::nullopt;
}

HttpAdmission HttpGate::admit_holder(const HttpHead& head, Role needed, double now) const {
  const bool has_bearer = !head.authorization.empty();
  const std::string_view secret =
      has_bearer ? bearer_secret(head.authorization) : cookie_value(head.cookie, options_.cookie);
  const TokenKind kind = has_bearer ? TokenKind::kBearer : TokenKind::kSession;
  Admission admission = launcher::admit(*options_.tokens, secret, kind, needed, now);
  if (admission.principal) return {.principal = *std::move(admission.principal)};
  if (admission.is_known) return {.refusal = error_reply(403, admission.refusal)};
  if (head.method == "GET" && !has_bearer && is_page(path_of(head.target))) return {.refusal = redirect(303, "/login")};
  HttpReply reply = error_reply(401, admission.refusal);
  reply.headers.emplace_back("WWW-Authenticate", "Bearer");
  return {.refusal = std::move(reply)};
}

bool HttpGate::still_admits(const Principal& reader, double now) const {
  return options_.tokens == nullptr || launcher::still_admits(*options_.tokens, reader.token_id, Role::kRead, now);
}

// A secret that came in plain text is not sent on its way as if nothing had happened.
HttpReply HttpGate::send_to_https(const HttpHead& head) const {
  const bool is_harmless = head.method == "GET" && head.authorization.empty() && head.cookie.empty() &&
                           head.target.starts_with('/') && options_.names.contains(head.host) && !head.host.empty();
  if (is_harmless) return redirect(308, message("https://{}{}", head.host, head.target));
  return error_reply(400, message("this port speaks TLS; use https://{}/{}",
                                  options_.names.contains(head.host) ? head.host : "HOST:PORT",
                                  head.authorization.empty() ? "" : "; the token was sent in plain text: revoke it"));
}

}  // namespace trireme::launcher
