#include "api/api_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "api/event_stream.h"
#include "api/http_session.h"
#include "api/protocol_sniff.h"
#include "demo_cluster.h"
#include "raw_peer.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme::launcher {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class ApiServerTest : public testing::Test {
 protected:
  ApiServerTest() { show_busy_cluster(source_, 5); }

  FakeSource source_;
  ApiServer server_{{.port = 0}, source_};
};

std::string body_of(const std::string& response) { return response.substr(response.find("\r\n\r\n") + 4); }

TEST_F(ApiServerTest, AnswersHttp) {
  const std::string response = http(server_.port(), "GET", "/json/status");
  EXPECT_THAT(response, StartsWith("HTTP/1.1 200 OK"));
  EXPECT_EQ(nlohmann::json::parse(body_of(response)).at("nodes").size(), 4u);
}

TEST_F(ApiServerTest, ForbidsEmbeddingAndInlineScripts) {
  const std::string response = http(server_.port(), "GET", "/");
  EXPECT_THAT(response, HasSubstr("X-Content-Type-Options: nosniff"));
  EXPECT_THAT(response, HasSubstr("script-src 'self';"));
  EXPECT_THAT(response, HasSubstr("frame-ancestors 'none'"));
  EXPECT_EQ(response.find("unsafe-inline"), std::string::npos);
}

TEST_F(ApiServerTest, AnswersHeadWithoutABody) {
  const std::string response = http(server_.port(), "HEAD", "/health");
  EXPECT_THAT(response, StartsWith("HTTP/1.1 200 OK"));
  EXPECT_THAT(response, HasSubstr("Content-Length: 2"));
  EXPECT_EQ(body_of(response), "");
}

TEST_F(ApiServerTest, AnswersSeveralRequestsOnOneConnection) {
  RawPeer peer(server_.port());
  for (int time = 0; time < 3; ++time) {
    peer.send("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
    EXPECT_THAT(peer.read_until("\r\n\r\nok"), StartsWith("HTTP/1.1 200 OK"));
  }
}

TEST_F(ApiServerTest, RefusesALargeBodyWithoutLosingTheReply) {
  RawPeer peer(server_.port());
  const std::string body(HttpSession::kMostBodyBytes + 1, 'x');
  peer.send(message("POST /api/runs HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", body.size()) + body);
  EXPECT_THAT(peer.read_to_end(), StartsWith("HTTP/1.1 413"));
}

TEST_F(ApiServerTest, ReadsOnlyWhereNoActionIsOffered) {
  const std::string response =
      http(server_.port(), "POST", "/json/status", "Content-Type: application/json\r\nContent-Length: 0\r\n");
  EXPECT_THAT(response, StartsWith("HTTP/1.1 405 Method Not Allowed"));
  EXPECT_THAT(response, HasSubstr("Allow: GET, HEAD"));
}

TEST_F(ApiServerTest, ServesNoNameButItsOwn) {
  for (const char* host : {"evil.example", "evil.example:8787", "localhost.evil.example", "192.0.2.1"}) {
    RawPeer peer(server_.port());
    peer.send(message("GET /json/status HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", host));
    EXPECT_THAT(peer.read_to_end(), StartsWith("HTTP/1.1 421")) << host;
  }
  for (const char* host : {"127.0.0.1:8787", "[::1]:8787", "LOCALHOST"}) {
    RawPeer peer(server_.port());
    peer.send(message("GET /json/status HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", host));
    EXPECT_THAT(peer.read_to_end(), StartsWith("HTTP/1.1 200")) << host;
  }
}

TEST_F(ApiServerTest, RefusesAHeadThatIsTooLarge) {
  const std::string header = "X-Long: " + std::string(HttpSession::kMostHeadBytes, 'x') + "\r\n";
  EXPECT_THAT(http(server_.port(), "GET", "/health", header), StartsWith("HTTP/1.1 431"));
}

TEST_F(ApiServerTest, ToldNonsenseInLettersAnswersBadRequest) {
  RawPeer peer(server_.port());
  peer.send("HELLO THERE\r\n\r\n");
  EXPECT_THAT(peer.read_to_end(), StartsWith("HTTP/1.1 400"));
}

TEST_F(ApiServerTest, ClosesGarbageAndServesEveryoneElse) {
  for (const std::string& garbage :
       {std::string("\x16\x03\x01\x02\x00", 5), std::string(100, '\0'), std::string("\xff\xff\xff")}) {
    RawPeer peer(server_.port());
    peer.send(garbage);
    EXPECT_EQ(peer.read_to_end(), "");
  }
  EXPECT_THAT(http(server_.port(), "GET", "/health"), HasSubstr("ok"));
}

TEST_F(ApiServerTest, ServesBesideFiftySilentConnections) {
  std::vector<RawPeer> silent;
  for (int peer = 0; peer < 50; ++peer) {
    silent.emplace_back(server_.port());
    if (peer % 2) silent.back().send(kHttp2Preface.substr(0, 5));
  }
  EXPECT_THAT(http(server_.port(), "GET", "/health"), HasSubstr("ok"));
}

TEST_F(ApiServerTest, DropsTheConnectionThatWasSilentLongestWhenTooManyAre) {
  RawPeer first(server_.port());
  std::vector<RawPeer> others;
  for (int peer = 0; peer < 256; ++peer) others.emplace_back(server_.port());
  EXPECT_EQ(first.read_to_end(), "");
  EXPECT_THAT(http(server_.port(), "GET", "/health"), HasSubstr("ok"));
}

// HTTP/2's preface, cut anywhere, is answered with a SETTINGS frame: nine bytes of which the fourth is its type.
TEST_F(ApiServerTest, PassesHttp2ToGrpcAlsoWhenItsPrefaceComesInPieces) {
  RawPeer peer(server_.port());
  peer.send(kHttp2Preface.substr(0, 7));
  EXPECT_THAT(http(server_.port(), "GET", "/health"), HasSubstr("ok"));  // by now the piece has been looked at
  peer.send(std::string(kHttp2Preface.substr(7)) + std::string("\0\0\0\4\0\0\0\0\0", 9));
  const std::string frames = peer.read_until(std::string("\4\1\0\0\0\0", 6));  // the acknowledgement of ours
  EXPECT_EQ(frames[3], '\4');
}

TEST_F(ApiServerTest, SendsTheStateAtOnceAndOnEveryChange) {
  RawPeer reader(server_.port());
  reader.send("GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const auto first = source_.snapshot().revision;
  EXPECT_THAT(reader.read_until("id: " + std::to_string(first)), HasSubstr("Content-Type: text/event-stream"));
  make_step(source_, 6);
  EXPECT_THAT(reader.read_until("id: " + std::to_string(first + 1)), HasSubstr("event: snapshot"));
  reader.read_until("event: metrics");
  reader.read_until("\"step\":6");
}

TEST_F(ApiServerTest, CoalescesChangesThatFollowEachOtherQuickly) {
  RawPeer reader(server_.port());
  reader.send("GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n");
  reader.read_until("event: snapshot");
  for (int step = 6; step < 206; ++step) make_step(source_, step);
  const std::string events = reader.read_until("id: " + std::to_string(source_.snapshot().revision));
  std::size_t count = 0;
  for (std::size_t at = events.find("event: snapshot"); at != std::string::npos;
       at = events.find("event: snapshot", at + 1))
    ++count;
  EXPECT_LT(count, 20u);
}

TEST_F(ApiServerTest, DropsAReaderThatDoesNotRead) {
  RawPeer slow(server_.port(), 4096);
  slow.send("GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n");
  slow.read_until("event: snapshot");
  RawPeer reader(server_.port());
  reader.send("GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n");
  reader.read_until("\n\n");
  const std::string large(EventStream::kMostBytes * 2 / 3, 'x');
  for (int change = 0; change < 6; ++change) {
    source_.update([&](ClusterSnapshot& cluster) { cluster.name = large; });
    reader.read_until("id: " + std::to_string(source_.snapshot().revision));
    reader.read_until("\n\n");  // the whole event: what is left of it would count against this reader
  }
  EXPECT_LT(slow.read_to_end().size(), 4 * large.size());
}

TEST_F(ApiServerTest, SaysWhichPortIsTaken) {
  try {
    const ApiServer second({.port = server_.port()}, source_);
    FAIL() << "two servers on one port";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr("127.0.0.1:" + std::to_string(server_.port())));
    EXPECT_THAT(error.what(), HasSubstr("choose another"));
  }
}

TEST_F(ApiServerTest, SaysWhichHostCannotBeBound) {
  EXPECT_THROW(ApiServer({.host = "192.0.2.1", .port = 0}, source_), ConfigError);
  EXPECT_THROW(ApiServer({.host = "no such host", .port = 0}, source_), ConfigError);
}

TEST(ApiServerLife, StopsWithOpenConnectionsOfEveryKind) {
  FakeSource source;
  show_busy_cluster(source, 1);
  auto server = std::make_unique<ApiServer>(ApiServer::Options{.port = 0}, source);
  RawPeer silent(server->port());
  RawPeer reader(server->port());
  reader.send("GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n");
  reader.read_until("event: snapshot");
  server.reset();
  reader.read_to_end();
  EXPECT_EQ(silent.read_to_end(), "");
  make_step(source, 2);  // nobody listens any more
}

}  // namespace
}  // namespace trireme::launcher
