#include <gtest/gtest.h>

#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <ctime>
#include <thread>

#include "access/access_folder.h"
#include "access/certificate.h"
#include "access/gatekeeper.h"
#include "access/private_file.h"
#include "access/served_names.h"
#include "access/tls_files.h"
#include "support/temporary_folder.h"
#include "support/thrown_text.h"
#include "trireme/base/error.h"

// Who may do what: roles, tokens, names and certificates, without a port.
namespace trireme::launcher {
namespace {

constexpr double kNow = 1.8e9;

TEST(Roles, ReachDownwardsButForNodes) {
  EXPECT_TRUE(may(Role::kAdmin, Role::kSubmit));
  EXPECT_TRUE(may(Role::kAdmin, Role::kNode));
  EXPECT_TRUE(may(Role::kSubmit, Role::kRead));
  EXPECT_FALSE(may(Role::kRead, Role::kSubmit));
  EXPECT_FALSE(may(Role::kSubmit, Role::kAdmin));
  EXPECT_TRUE(may(Role::kNode, Role::kNode));
  EXPECT_FALSE(may(Role::kNode, Role::kRead));
  EXPECT_FALSE(may(Role::kSubmit, Role::kNode));
}

TEST(Roles, OfCallsFollowTheirVerbs) {
  EXPECT_EQ(role_for_rpc("/trireme.v1.Runs/GetMetrics"), Role::kRead);
  EXPECT_EQ(role_for_rpc("/trireme.v1.Logs/Read"), Role::kRead);
  EXPECT_EQ(role_for_rpc("/trireme.v1.Metrics/Query"), Role::kRead);
  EXPECT_EQ(role_for_rpc("/trireme.v1.Nodes/Drain"), Role::kAdmin);
  EXPECT_EQ(role_for_rpc("/trireme.v1.Cluster/WatchStatus"), Role::kRead);
  EXPECT_EQ(role_for_rpc("/trireme.v1.Runs/Cancel"), Role::kSubmit);
  EXPECT_EQ(role_for_rpc("/trireme.v1.Agents/Connect"), Role::kNode);
  EXPECT_EQ(role_for_rpc("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"), Role::kRead);
  EXPECT_EQ(role_for_rpc("/grpc.health.v1.Health/Check"), std::nullopt);
}

TEST(Roles, OfCallsNobodyThoughtOfAreTheHighest) {
  for (const char* path : {"/trireme.v1.Cluster/Shutdown", "/trireme.v1.Cluster/Drain", "/other.Service/Get", "", "/",
                           "Get", "/trireme.v1.Runs/", "/trireme.v1.Runs/get", "//trireme.v1.Runs/Get"}) {
    EXPECT_EQ(role_for_rpc(path), Role::kAdmin) << path;
  }
}

TEST(Roles, OfPages) {
  EXPECT_EQ(role_for_http("GET", "/health"), std::nullopt);
  EXPECT_EQ(role_for_http("GET", "/json/status"), Role::kRead);
  EXPECT_EQ(role_for_http("GET", "/health/details"), Role::kRead);
  EXPECT_EQ(role_for_http("POST", "/api/runs"), Role::kSubmit);
  EXPECT_EQ(role_for_http("POST", "/api/runs/r-0001/cancel"), Role::kSubmit);
  EXPECT_EQ(role_for_http("POST", "/api/nodes/node0/drain"), Role::kAdmin);
  EXPECT_EQ(role_for_http("POST", "/api/runsomething"), Role::kAdmin);
  EXPECT_EQ(role_for_http("DELETE", "/json/status"), Role::kAdmin);
}

TEST(Secrets, AreLongAndDiffer) {
  const std::string secret = make_secret();
  EXPECT_EQ(secret.size(), 4U + 64U);
  EXPECT_NE(secret, make_secret());
  EXPECT_EQ(parse_digest(to_text(digest_of(secret))), digest_of(secret));
  EXPECT_EQ(to_text(digest_of("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(parse_digest("xyz"), std::nullopt);
}

TEST(Lifetimes, HaveAUnit) {
  EXPECT_EQ(parse_lifetime("30d"), 30 * 86400.0);
  EXPECT_EQ(parse_lifetime("12h"), 12 * 3600.0);
  EXPECT_EQ(parse_lifetime("45m"), 45 * 60.0);
  for (const char* text : {"", "30", "d", "0d", "-1d", "30 d", "30dd", "1.5h", "99999999999d"}) {
    EXPECT_EQ(parse_lifetime(text), std::nullopt) << text;
  }
}

class Book : public testing::Test {
 protected:
  Admission come_with(const std::string& secret, Role needed, double now = kNow) const {
    return admit(book_, secret, TokenKind::kBearer, needed, now);
  }

  const test::TemporaryFolder folder_;
  TokenBook book_{folder_ / "tokens.json"};
};

TEST_F(Book, LetsInWhoeverHasATokenThatReaches) {
  const MadeToken made = book_.make({.name = "ci", .role = Role::kSubmit}, kNow);
  const Admission admission = come_with(made.secret, Role::kRead);
  ASSERT_TRUE(admission.principal);
  EXPECT_EQ(admission.principal->name, "ci");
  EXPECT_EQ(admission.principal->role, Role::kSubmit);
}

TEST_F(Book, SaysWhichRoleIsNeeded) {
  const MadeToken made = book_.make({.name = "ci", .role = Role::kRead}, kNow);
  const Admission short_of = come_with(made.secret, Role::kSubmit);
  EXPECT_FALSE(short_of.principal);
  EXPECT_TRUE(short_of.is_known);
  EXPECT_EQ(short_of.refusal, "token ci has role read, and this needs role submit");
  const Admission without = come_with("", Role::kSubmit);
  EXPECT_FALSE(without.is_known);
  EXPECT_NE(without.refusal.find("launcher token create --role submit"), std::string::npos);
}

TEST_F(Book, KnowsNeitherInventedNorExpiredNorRevokedTokens) {
  const MadeToken brief = book_.make({.name = "brief", .lifetime = 60}, kNow);
  const MadeToken gone = book_.make({.name = "gone"}, kNow);
  EXPECT_TRUE(come_with(brief.secret, Role::kRead, kNow + 59).principal);
  EXPECT_NE(come_with(brief.secret, Role::kRead, kNow + 60).refusal.find("expired"), std::string::npos);
  EXPECT_TRUE(book_.revoke(gone.token.id));
  EXPECT_FALSE(book_.revoke(gone.token.id));
  for (const std::string& secret : {gone.secret, make_secret(), brief.secret + "0", brief.token.id, std::string("x")}) {
    const Admission admission = come_with(secret, Role::kRead);
    EXPECT_FALSE(admission.principal || admission.is_known) << secret;
  }
}

TEST_F(Book, LetsWhoIsInStayOnlyAsLongAsTheTokenLasts) {
  const MadeToken brief = book_.make({.name = "brief", .role = Role::kRead, .lifetime = 60}, kNow);
  const MadeToken session = *book_.open_session(brief.secret, 3600, kNow);
  for (const std::string& id : {brief.token.id, session.token.id}) {
    EXPECT_TRUE(still_admits(book_, id, Role::kRead, kNow + 59));
    EXPECT_FALSE(still_admits(book_, id, Role::kSubmit, kNow + 59));
    EXPECT_FALSE(still_admits(book_, id, Role::kRead, kNow + 60));
  }
  book_.revoke(brief.token.id);
  for (const std::string& id : {brief.token.id, session.token.id, std::string()}) {
    EXPECT_FALSE(still_admits(book_, id, Role::kRead, kNow));
  }
}

TEST_F(Book, KeepsDigestsOnlyAndFromItsOwnerOnly) {
  const MadeToken made = book_.make({.name = "ci"}, kNow);
  const std::string text = read_private_file(folder_ / "tokens.json");
  EXPECT_EQ(text.find(made.secret), std::string::npos);
  EXPECT_EQ(text.find(made.secret.substr(4)), std::string::npos);
  struct stat status {};
  ASSERT_EQ(::stat((folder_ / "tokens.json").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(Book, SeesWhatOthersWrite) {
  TokenBook other(folder_ / "tokens.json");
  const MadeToken made = other.make({.name = "ci"}, kNow);
  EXPECT_TRUE(come_with(made.secret, Role::kRead).principal);
  EXPECT_TRUE(other.revoke(made.token.id));
  EXPECT_FALSE(come_with(made.secret, Role::kRead).principal);
}

TEST_F(Book, LosesNothingWhenManyWrite) {
  constexpr int kWriters = 8;
  {
    std::vector<std::jthread> writers;
    for (int writer = 0; writer < kWriters; ++writer) {
      writers.emplace_back([&] { TokenBook(folder_ / "tokens.json").make({.name = "ci"}, kNow); });
    }
  }
  EXPECT_EQ(book_.tokens().size(), static_cast<std::size_t>(kWriters));
}

TEST_F(Book, ThatIsDamagedLetsNobodyIn) {
  const MadeToken made = book_.make({.name = "ci"}, kNow);
  for (const char* text : {"", "{", "[]", R"({"version": 2, "tokens": []})", R"({"version": 1, "tokens": [{}]})"}) {
    write_private_file(folder_ / "tokens.json", text);
    EXPECT_THROW(static_cast<void>(come_with(made.secret, Role::kRead)), DataError) << text;
  }
}

TEST_F(Book, OpensOneSessionWithALoginCode) {
  const MadeToken code =
      book_.make({.name = "browser", .role = Role::kAdmin, .kind = TokenKind::kLogin, .lifetime = 300}, kNow);
  EXPECT_FALSE(come_with(code.secret, Role::kRead).principal) << "a login code is no token";
  std::atomic<int> opened = 0;
  {
    std::vector<std::jthread> browsers;
    for (int browser = 0; browser < 8; ++browser) {
      browsers.emplace_back([&] { opened += book_.open_session(code.secret, 3600, kNow).has_value() ? 1 : 0; });
    }
  }
  EXPECT_EQ(opened, 1);
}

TEST_F(Book, RefusesALoginCodeAfterItsTime) {
  const MadeToken code = book_.make({.kind = TokenKind::kLogin, .lifetime = 300}, kNow);
  EXPECT_FALSE(book_.open_session(code.secret, 3600, kNow + 300));
}

TEST_F(Book, EndsSessionsWithTheTokenThatOpenedThem) {
  const MadeToken token = book_.make({.name = "ci", .lifetime = 100}, kNow);
  const auto session = book_.open_session(token.secret, 3600, kNow);
  ASSERT_TRUE(session);
  EXPECT_EQ(session->token.expires, kNow + 100) << "a session does not outlive its token";
  EXPECT_EQ(book_.find(session->secret, TokenKind::kSession, kNow).state, TokenState::kValid);
  EXPECT_EQ(book_.find(session->secret, TokenKind::kBearer, kNow).state, TokenState::kUnknown);
  EXPECT_TRUE(book_.revoke(token.token.id));
  EXPECT_EQ(book_.find(session->secret, TokenKind::kSession, kNow).state, TokenState::kUnknown);
}

TEST_F(Book, BoundsSessionsAndForgetsTheOldest) {
  const MadeToken token = book_.make({.name = "ci"}, kNow);
  const auto first = book_.open_session(token.secret, 3600, kNow);
  for (int session = 0; session < 300; ++session) static_cast<void>(book_.open_session(token.secret, 3600, kNow));
  EXPECT_LE(book_.tokens().size(), 300U);
  EXPECT_EQ(book_.find(first->secret, TokenKind::kSession, kNow).state, TokenState::kUnknown);
  EXPECT_TRUE(come_with(token.secret, Role::kRead).principal);
}

TEST(Bearer, IsTheOnlyScheme) {
  EXPECT_EQ(bearer_secret("Bearer trm_1"), "trm_1");
  EXPECT_EQ(bearer_secret("bearer trm_1"), "trm_1");
  for (const char* text : {"", "Bearer", "Bearer ", "Basic trm_1", "trm_1", "Bearertrm_1"}) {
    EXPECT_EQ(bearer_secret(text), "") << text;
  }
}

TEST(ServedNamesCheck, AreComparedWithoutPortAndCase) {
  ServedNames names;
  names.add("Node0.Example.org");
  names.add("10.0.0.5");
  names.add("*.lab.example");
  for (const char* host :
       {"localhost", "LOCALHOST:8787", "[::1]:8787", "::1", "node0.example.org:1", "10.0.0.5:8787", "a.lab.example"}) {
    EXPECT_TRUE(names.contains(host)) << host;
  }
  for (const char* host : {"", "example.org", "localhost.evil", "a.b.lab.example", "lab.example", "10.0.0.6",
                           ".lab.example", "[", "[]", ":", "evil@localhost"}) {
    EXPECT_FALSE(names.contains(host)) << host;
  }
}

TEST(Loopback, IsThisMachineAlone) {
  for (const char* host : {"127.0.0.1", "127.0.0.2", "::1", "localhost"}) EXPECT_TRUE(is_loopback(host)) << host;
  for (const char* host : {"0.0.0.0", "::", "192.0.2.1", "no such host"}) EXPECT_FALSE(is_loopback(host)) << host;
}

TEST(GuardDecision, IsOpenOnLoopbackAndGuardedBeyond) {
  EXPECT_EQ(decide_guard({}), Guard::kOpen);
  EXPECT_EQ(decide_guard({.secure = true}), Guard::kGuarded);
  EXPECT_EQ(decide_guard({.listen = "0.0.0.0"}), Guard::kGuarded);
  EXPECT_EQ(decide_guard({.listen = "192.0.2.1"}), Guard::kGuarded);
  EXPECT_EQ(decide_guard({.listen = "192.0.2.1", .insecure = true}), Guard::kOpen);
  EXPECT_THROW(static_cast<void>(decide_guard({.insecure = true})), ConfigError);
  EXPECT_THROW(static_cast<void>(decide_guard({.listen = "0.0.0.0", .secure = true, .insecure = true})), ConfigError);
}

class Folder : public testing::Test {
 protected:
  void prepare(const CertificateWishes& wishes = {.cluster = "default"}) const { prepare_access(files_, wishes, now_); }

  const test::TemporaryFolder folder_;
  const AccessFiles files_{folder_.path()};
  const double now_ = static_cast<double>(std::time(nullptr));
};

TEST_F(Folder, HoldsACertificateForTheNamesAndTokensThatWork) {
  prepare({.cluster = "default", .listen = "192.0.2.7", .names = {"train.example.org"}});
  const CertificateFacts facts = look_at_certificate(read_private_file(files_.certificate));
  for (const char* name : {"localhost", "127.0.0.1", "::1", "192.0.2.7", "train.example.org"}) {
    EXPECT_NE(std::ranges::find(facts.names, name), facts.names.end()) << name;
  }
  const TokenBook book(files_.tokens);
  EXPECT_TRUE(admit(book, read_secret_file(files_.admin_token), TokenKind::kBearer, Role::kAdmin, now_).principal);
  EXPECT_FALSE(admit(book, read_secret_file(files_.node_token), TokenKind::kBearer, Role::kRead, now_).principal);
  EXPECT_TRUE(admit(book, read_secret_file(files_.node_token), TokenKind::kBearer, Role::kNode, now_).principal);
}

TEST_F(Folder, IsClosedToOthers) {
  prepare();
  EXPECT_EQ(std::filesystem::status(files_.folder).permissions(), std::filesystem::perms::owner_all);
  const auto owner = std::filesystem::perms::owner_read | std::filesystem::perms::owner_write;
  for (const auto& file : {files_.key, files_.admin_token, files_.node_token, files_.tokens}) {
    EXPECT_EQ(std::filesystem::status(file).permissions(), owner) << file;
  }
}

TEST_F(Folder, KeepsTheCertificateAndOthersTokensAndRenewsItsOwn) {
  prepare();
  const std::string certificate = read_private_file(files_.certificate);
  const std::string admin = read_secret_file(files_.admin_token);
  const MadeToken others = TokenBook(files_.tokens).make({.name = "ci"}, now_);
  prepare();
  EXPECT_EQ(read_private_file(files_.certificate), certificate);
  const TokenBook book(files_.tokens);
  EXPECT_TRUE(admit(book, others.secret, TokenKind::kBearer, Role::kRead, now_).principal);
  EXPECT_FALSE(admit(book, admin, TokenKind::kBearer, Role::kRead, now_).principal);
  prepare({.cluster = "default", .names = {"another.example"}});
  EXPECT_NE(read_private_file(files_.certificate), certificate);
}

TEST_F(Folder, TakesTheUsersOwnCertificate) {
  const KeyPair own = make_self_signed("theirs", ServedNames(), 30);
  write_private_file(folder_ / "own.pem", own.certificate);
  write_private_file(folder_ / "own.key", own.key);
  prepare({.certificate = folder_ / "own.pem", .key = folder_ / "own.key"});
  EXPECT_EQ(read_private_file(files_.certificate), own.certificate);
}

TEST_F(Folder, NamesTheFileThatDoesNotFit) {
  const KeyPair own = make_self_signed("theirs", ServedNames(), 30);
  write_private_file(folder_ / "own.pem", own.certificate);
  write_private_file(folder_ / "other.key", make_self_signed("another", ServedNames(), 30).key);
  const auto text_of = [&](const char* certificate, const char* key) {
    return test::text_thrown_by<ConfigError>([&] {
      prepare(
          {.certificate = *certificate == '\0' ? "" : folder_ / certificate, .key = *key == '\0' ? "" : folder_ / key});
    });
  };
  EXPECT_NE(text_of("own.pem", "other.key").find("other.key"), std::string::npos);
  EXPECT_NE(text_of("other.key", "other.key").find("other.key is no certificate"), std::string::npos);
  EXPECT_NE(text_of("own.pem", "nothing").find("nothing"), std::string::npos);
  EXPECT_NE(text_of("own.pem", "").find("--key"), std::string::npos);
}

}  // namespace
}  // namespace trireme::launcher
