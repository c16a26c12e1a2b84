#include "api/http_gate.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "api/cookies.h"
#include "api/login.h"
#include "support/temporary_folder.h"

// Which requests are let in, by their heads, and how the page logs in.
namespace trireme::launcher {
namespace {

constexpr double kNoon = 1.8e9;

HttpHead get(const std::string& target) { return {.method = "GET", .target = target, .host = "localhost:8787"}; }

HttpHead post(const std::string& target) {
  return {.method = "POST",
          .target = target,
          .host = "localhost:8787",
          .content_type = "application/json",
          .is_length_known = true};
}

unsigned status_of(const HttpAdmission& admission) { return admission.refusal ? admission.refusal->status : 200; }

std::string header_of(const HttpReply& reply, const std::string& name) {
  for (const auto& [key, value] : reply.headers) {
    if (key == name) return value;
  }
  return "";
}

class OpenGate : public testing::Test {
 protected:
  unsigned status(const HttpHead& head) const { return status_of(gate_.admit(head, kNoon)); }
  const HttpGate gate_{{}};
};

TEST_F(OpenGate, AsksNobodyOnLoopback) {
  const HttpAdmission admission = gate_.admit(post("/api/runs"), kNoon);
  EXPECT_EQ(status_of(admission), 200U);
  EXPECT_EQ(admission.principal.role, Role::kAdmin);
}

TEST_F(OpenGate, RefusesNamesThatAreNotItsOwn) {
  for (HttpHead head : {get("/json/status"), post("/api/runs"), get("/")}) {
    head.host = "rebound.example:8787";
    EXPECT_EQ(status(head), 421U) << head.target;
  }
}

TEST_F(OpenGate, TakesPostsFromItsOwnPageAndFromPrograms) {
  HttpHead head = post("/api/runs");
  EXPECT_EQ(status(head), 200U);
  head.origin = "http://localhost:8787";
  head.fetch_site = "same-origin";
  EXPECT_EQ(status(head), 200U);
  head.content_type = "Application/JSON; charset=utf-8";
  EXPECT_EQ(status(head), 200U);
}

TEST_F(OpenGate, RefusesPostsFromOtherSites) {
  for (const char* origin : {"http://evil.example", "null", "https://localhost:8787", "http://localhost",
                             "http://localhost:87870", "http://127.0.0.1:8787"}) {
    HttpHead head = post("/api/runs");
    head.origin = origin;
    EXPECT_EQ(status(head), 403U) << origin;
  }
  for (const char* site : {"cross-site", "same-site", "anything"}) {
    HttpHead head = post("/api/runs");
    head.fetch_site = site;
    EXPECT_EQ(status(head), 403U) << site;
  }
}

// What a form of another site can send without asking first.
TEST_F(OpenGate, RefusesBodiesThatAreNotJson) {
  for (const char* type : {"", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
                           "application/jsonp", "text/plain; application/json"}) {
    HttpHead head = post("/api/runs");
    head.content_type = type;
    EXPECT_EQ(status(head), 415U) << type;
  }
}

TEST_F(OpenGate, WantsToKnowHowLongABodyIs) {
  HttpHead head = post("/api/runs");
  head.is_length_known = false;
  EXPECT_EQ(status(head), 411U);
}

TEST_F(OpenGate, HasNoUseForALogin) { EXPECT_EQ(status(get("/login")), 303U); }

class GuardedGate : public testing::Test {
 protected:
  static HttpHead with_token(HttpHead head, const std::string& secret) {
    head.authorization = "Bearer " + secret;
    return head;
  }
  static HttpHead with_cookie(HttpHead head, const std::string& secret) {
    head.cookie = "other=1; " + kCookie + "=" + secret;
    return head;
  }
  unsigned status(const HttpHead& head) const { return status_of(gate_.admit(head, kNoon)); }
  std::string make(Role role, TokenKind kind = TokenKind::kBearer) {
    return book_.make({.name = "ci", .role = role, .kind = kind, .lifetime = 300}, kNoon).secret;
  }
  HttpReply log_in(const std::string& body) const {
    return login_.answer({.method = "POST", .target = "/api/login", .body = body}, kNoon);
  }
  // What the browser sends back of a Set-Cookie.
  static std::string secret_in(const HttpReply& reply) {
    const std::string cookie = header_of(reply, "Set-Cookie");
    return std::string(cookie_value(cookie.substr(0, cookie.find(';')), kCookie));
  }

  inline static const std::string kCookie = "__Host-trireme-8787";
  const test::TemporaryFolder folder_;
  TokenBook book_{folder_ / "tokens.json"};
  const HttpGate gate_{{.is_tls = true, .cookie = kCookie, .tokens = &book_}};
  const Login login_{book_, kCookie, true};
};

TEST_F(GuardedGate, ShowsNothingWithoutAToken) {
  for (const char* target : {"/json/status", "/events", "/metrics", "/json/logs?run=r-0001"}) {
    const HttpAdmission admission = gate_.admit(get(target), kNoon);
    EXPECT_EQ(status_of(admission), 401U) << target;
    EXPECT_EQ(header_of(*admission.refusal, "WWW-Authenticate"), "Bearer");
    EXPECT_NE(admission.refusal->body.find("role read"), std::string::npos);
  }
  EXPECT_EQ(status(post("/api/runs")), 401U);
}

TEST_F(GuardedGate, LeadsPagesToTheLogin) {
  for (const char* target : {"/", "/status", "/workers"}) {
    const HttpAdmission admission = gate_.admit(get(target), kNoon);
    EXPECT_EQ(status_of(admission), 303U) << target;
    EXPECT_EQ(header_of(*admission.refusal, "Location"), "/login");
  }
  for (const char* target : {"/login", "/assets/login.js", "/health"}) EXPECT_EQ(status(get(target)), 200U) << target;
}

TEST_F(GuardedGate, AsksForTheRoleThatACallNeeds) {
  const std::string read = make(Role::kRead);
  const std::string submit = make(Role::kSubmit);
  const std::string admin = make(Role::kAdmin);
  const std::string node = make(Role::kNode);
  EXPECT_EQ(status(with_token(get("/json/status"), read)), 200U);
  EXPECT_EQ(status(with_token(post("/api/runs"), read)), 403U);
  EXPECT_EQ(status(with_token(post("/api/runs"), submit)), 200U);
  EXPECT_EQ(status(with_token(post("/api/nodes/node0/drain"), submit)), 403U);
  EXPECT_EQ(status(with_token(post("/api/nodes/node0/drain"), admin)), 200U);
  EXPECT_EQ(status(with_token(get("/json/status"), node)), 403U);
  EXPECT_EQ(status(with_token(get("/json/status"), make_secret())), 401U);
  const HttpAdmission refused = gate_.admit(with_token(post("/api/runs"), read), kNoon);
  EXPECT_NE(refused.refusal->body.find("this needs role submit"), std::string::npos);
}

TEST_F(GuardedGate, TakesSecretsOfEachKindInTheirPlaceOnly) {
  const std::string session = make(Role::kRead, TokenKind::kSession);
  const std::string bearer = make(Role::kRead);
  EXPECT_EQ(status(with_cookie(get("/json/status"), session)), 200U);
  EXPECT_EQ(status(with_token(get("/json/status"), session)), 401U);
  EXPECT_EQ(status(with_cookie(get("/json/status"), bearer)), 401U);
  EXPECT_EQ(status(get("/json/status?token=" + bearer)), 401U);
  EXPECT_EQ(status(with_cookie(with_token(get("/json/status"), "wrong"), session)), 401U) << "a wrong token decides";
}

TEST_F(GuardedGate, RefusesOtherSitesPostsThatBringTheCookie) {
  HttpHead head = with_cookie(post("/api/runs"), make(Role::kAdmin, TokenKind::kSession));
  head.origin = "https://evil.example";
  EXPECT_EQ(status(head), 403U);
  head.origin = "https://localhost:8787";
  EXPECT_EQ(status(head), 200U);
}

TEST_F(GuardedGate, OpensASessionWithALinkOnce) {
  const std::string code = make(Role::kSubmit, TokenKind::kLogin);
  const std::string body = nlohmann::json{{"secret", code}}.dump();
  const HttpReply reply = log_in(body);
  EXPECT_EQ(reply.status, 204U);
  const std::string cookie = header_of(reply, "Set-Cookie");
  for (const char* part : {"; HttpOnly", "; SameSite=Strict", "; Secure", "; Path=/", "; Max-Age=43200"}) {
    EXPECT_NE(cookie.find(part), std::string::npos) << cookie;
  }
  EXPECT_EQ(status(with_cookie(post("/api/runs"), secret_in(reply))), 200U);
  EXPECT_EQ(status(with_cookie(post("/api/scale"), secret_in(reply))), 403U);
  EXPECT_EQ(log_in(body).status, 401U);
}

TEST_F(GuardedGate, LogsInWithATokenTooAndOutAgain) {
  const HttpReply reply = log_in(nlohmann::json{{"secret", make(Role::kRead)}}.dump());
  ASSERT_EQ(reply.status, 204U);
  const HttpHead asked = with_cookie(get("/json/status"), secret_in(reply));
  const HttpAdmission admission = gate_.admit(asked, kNoon);
  ASSERT_EQ(status_of(admission), 200U);
  const HttpReply bye =
      login_.answer({.method = "POST", .target = "/api/logout", .principal = admission.principal}, kNoon);
  EXPECT_EQ(bye.status, 204U);
  EXPECT_NE(header_of(bye, "Set-Cookie").find("Max-Age=0"), std::string::npos);
  EXPECT_EQ(status(asked), 401U);
}

TEST_F(GuardedGate, LogsNobodyInWithAnythingElse) {
  for (const char* body : {"", "{}", R"({"secret": ""})", R"({"secret": "trm_"})"})
    EXPECT_EQ(log_in(body).status, 401U) << body;
  for (const char* body : {"[]", "x", R"({"secret": 1})", R"({"code": "x"})"})
    EXPECT_EQ(log_in(body).status, 400U) << body;
}

TEST_F(GuardedGate, SendsPlainRequestsToHttps) {
  const HttpReply reply = gate_.send_to_https(get("/status?a=b"));
  EXPECT_EQ(reply.status, 308U);
  EXPECT_EQ(header_of(reply, "Location"), "https://localhost:8787/status?a=b");
}

TEST_F(GuardedGate, SendsNothingOnThatIsNotHarmless) {
  HttpHead foreign = get("/");
  foreign.host = "evil.example";
  HttpHead absolute = get("http://evil.example/");
  for (const HttpHead& head :
       {foreign, absolute, post("/api/runs"), with_token(get("/"), "x"), with_cookie(get("/"), "x")}) {
    const HttpReply reply = gate_.send_to_https(head);
    EXPECT_EQ(reply.status, 400U);
    EXPECT_NE(reply.body.find("https://"), std::string::npos);
    EXPECT_EQ(reply.body.find("evil"), std::string::npos);
  }
}

TEST(Cookies, AreFoundByTheirWholeName) {
  EXPECT_EQ(cookie_value("a=1; trireme-8787=x; b=2", "trireme-8787"), "x");
  EXPECT_EQ(cookie_value("trireme-8787=x", "trireme-8787"), "x");
  for (const char* header : {"", ";", "=", "xtrireme-8787=x", "trireme-87870=x", "a=trireme-8787=x", "trireme-8787"}) {
    EXPECT_EQ(cookie_value(header, "trireme-8787"), "") << header;
  }
}

}  // namespace
}  // namespace trireme::launcher
