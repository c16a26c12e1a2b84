#include "api/login.h"

#include <nlohmann/json.hpp>

#include "api/cookies.h"
#include "api/json_body.h"
#include "api/query.h"

namespace trireme::launcher {

HttpReply Login::answer(const HttpRequest& request, double now) const {
  return path_of(request.target) == "/api/login" ? log_in(request, now) : log_out(request);
}

HttpReply Login::log_in(const HttpRequest& request, double now) const try {
  const JsonBody body(request.body, {"secret"});
  const auto session = tokens_.open_session(body.text("secret", ""), kSessionSeconds, now);
  if (!session) {
    return error_reply(
        401,
        "that is no token of this cluster, or a link that was used already or is older than five minutes; a new "
        "link: launcher dashboard");
  }
  const long age = static_cast<long>(*session->token.expires - now);
  return {.status = 204, .headers = {{"Set-Cookie", session_cookie(cookie_, session->secret, is_tls_, age)}}};
} catch (const ConfigError& error) {
  return error_reply(400, error.what());
}

HttpReply Login::log_out(const HttpRequest& request) const {
  tokens_.revoke(request.principal.token_id);
  return {.status = 204, .headers = {{"Set-Cookie", session_cookie(cookie_, "", is_tls_, 0)}}};
}

}  // namespace trireme::launcher
