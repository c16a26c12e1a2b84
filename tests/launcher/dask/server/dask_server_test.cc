#include "dask/dask_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dask/wire/handshake.h"
#include "dask/wire/message_writer.h"
#include "demo_cluster.h"
#include "raw_peer.h"
#include "trireme/base/error.h"

namespace trireme::launcher {
namespace {

using dask::MessageWriter;
using testing::HasSubstr;

std::string framed(MessageWriter& writer) { return writer.finish().joined(); }
std::string framed(std::string_view packed) { return framed(MessageWriter().packed(packed)); }
std::string request(std::string_view name) { return framed(MessageWriter().map(1).text("op").text(name)); }
std::string shaken() { return dask::handshake().joined(); }

class DaskServerTest : public testing::Test {
 protected:
  DaskServerTest() { show_busy_cluster(source_, 3); }

  void expect_service() const {
    RawPeer peer(server_.port());
    peer.send(shaken() + request("identity"));
    EXPECT_THAT(peer.read_until("r-0007"), HasSubstr("node3"));
  }

  FakeSource source_;
  DaskServer server_{{.port = 0, .most_unsent_bytes = 1 << 20}, source_};
};

TEST_F(DaskServerTest, ShakesHandsBeforeItIsSpokenTo) {
  RawPeer peer(server_.port());
  EXPECT_THAT(peer.read_until("pickle-protocol"), HasSubstr("compression"));
}

TEST_F(DaskServerTest, AnswersRequestsOneAfterTheOther) {
  RawPeer peer(server_.port());
  peer.send(shaken());
  for (int time = 0; time < 3; ++time) {
    peer.send(request("identity"));
    peer.read_until("tcp://127.0.0.1:" + std::to_string(server_.port()));
  }
}

TEST_F(DaskServerTest, AnswersRequestsThatWereSentTogether) {
  RawPeer peer(server_.port());
  const std::string echo = framed(MessageWriter().map(2).text("op").text("echo").text("data").text("first"));
  peer.send(shaken() + echo + request("close"));
  EXPECT_TRUE(peer.read_to_end().ends_with(framed(MessageWriter().text("first")) + framed(MessageWriter().text("OK"))));
}

TEST_F(DaskServerTest, ReadsMessagesInPiecesAndWithFramesApart) {
  RawPeer peer(server_.port());
  MessageWriter writer;
  MessageWriter header;
  header.map(1).text("num-sub-frames").integer(1);
  const std::string payload(200'000, 'p');
  writer.map(2).text("op").text("echo").text("data").opaque({.kind = dask::Opaque::Kind::kSerialized,
                                                             .header = dask::Bytes(header.take()),
                                                             .frames = {dask::Bytes(payload)}});
  const std::string bytes = shaken() + framed(writer);
  for (std::size_t begin = 0; begin < bytes.size(); begin += 7001) peer.send(bytes.substr(begin, 7001));
  EXPECT_THAT(peer.read_until(payload), HasSubstr("__Serialized__"));
}

TEST_F(DaskServerTest, SaysThatAnOperationIsUnknownAndGoesOn) {
  RawPeer peer(server_.port());
  peer.send(shaken() + request("no-such-operation"));
  EXPECT_THAT(peer.read_until("traceback_text"), HasSubstr("no-such-operation"));
  peer.send(request("identity"));
  peer.read_until("node3");
}

TEST_F(DaskServerTest, ClosesHttpProbesAndGarbageAndServesEveryoneElse) {
  const std::string garbage[] = {
      "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
      std::string(64, '\xff'),
      framed("\xc1"),
      framed(MessageWriter().array(0)),
      framed(MessageWriter().text(std::string(5000, 'x'))),
      shaken() + framed("\xc1"),
      shaken() + framed(MessageWriter().integer(5)),
      shaken() + framed(MessageWriter().map(1).text("op").text("register-client")),
      shaken() + framed(MessageWriter().map(1).text("op").text("register-worker")),
  };
  for (const std::string& bytes : garbage) {
    RawPeer peer(server_.port());
    peer.send(bytes);
    EXPECT_THAT(peer.read_to_end(), HasSubstr("pickle-protocol")) << testing::PrintToString(bytes);
    expect_service();
  }
}

TEST_F(DaskServerTest, AClientsStreamBeginsWithOneOperation) {
  RawPeer peer(server_.port());
  peer.send(shaken() + framed(MessageWriter().map(2).text("op").text("register-client").text("client").text("c")));
  const std::string start = framed(
      MessageWriter().array(1).map(3).text("op").text("stream-start").text("warning").text("").text("error").text(""));
  EXPECT_TRUE(peer.read_until("error\xa0").ends_with(start));
}

TEST_F(DaskServerTest, AStreamThatBreaksTheProtocolEndsAloneAndTheIdIsFreeAgain) {
  for (int time = 0; time < 3; ++time) {
    RawPeer peer(server_.port());
    peer.send(shaken() + framed(MessageWriter().map(2).text("op").text("register-client").text("client").text("c")));
    peer.read_until("stream-start");
    // A graph that refers to a frame which is not there.
    peer.send(framed(MessageWriter()
                         .array(1)
                         .map(2)
                         .text("op")
                         .text("update-graph")
                         .text("expr_ser")
                         .map(1)
                         .text("__Serialized__")
                         .integer(7)));
    peer.read_to_end();
    expect_service();
  }
}

TEST_F(DaskServerTest, AWorkerWithATakenNameIsTold) {
  const auto registration = [](std::string_view address) {
    MessageWriter writer;
    writer.map(5).text("op").text("register-worker").text("address").text(address).text("name").text("alice");
    writer.text("nthreads").integer(1).text("status").text("init");
    return writer.finish().joined();
  };
  RawPeer first(server_.port());
  first.send(shaken() + registration("tcp://127.0.0.1:1"));
  first.read_until("worker-plugins");
  RawPeer second(server_.port());
  second.send(shaken() + registration("tcp://127.0.0.1:2"));
  EXPECT_THAT(second.read_to_end(), HasSubstr("name taken, alice"));
}

// The peer asks for much more than it reads; what waits for it is bounded, and others are served meanwhile.
TEST_F(DaskServerTest, DropsAStreamThatIsNotRead) {
  RawPeer slow(server_.port(), 4096);
  slow.send(shaken() + framed(MessageWriter().map(2).text("op").text("register-client").text("client").text("slow")));
  slow.read_until("stream-start");
  MessageWriter subscription;
  subscription.map(3).text("op").text("subscribe-topic").text("topic").text("t").text("client").text("slow");
  slow.send(subscription.finish_array(1).joined());
  RawPeer loud(server_.port());
  loud.send(shaken());
  loud.read_until("pickle-protocol");
  const std::string event(100'000, 'e');
  for (int count = 0; count < 200; ++count) {
    MessageWriter log;
    log.map(4).text("op").text("log_event").text("topic").text("t").text("msg").text(event).text("reply").boolean(true);
    loud.send(log.finish().joined());
    loud.read_until("\xc0");
  }
  expect_service();
  EXPECT_LT(slow.read_to_end().size(), 200 * event.size());
}

TEST_F(DaskServerTest, ServesBesideAThousandSilentConnections) {
  std::vector<RawPeer> silent;
  for (int peer = 0; peer < 1000; ++peer) {
    silent.emplace_back(server_.port());
    if (peer % 2 == 0) silent.back().send(shaken());
  }
  expect_service();
}

TEST_F(DaskServerTest, ServesWhenPeersVanishInTheMiddleOfAMessage) {
  const std::string bytes = shaken() + request("identity");
  for (std::size_t size = 0; size < bytes.size(); size += 3) {
    RawPeer peer(server_.port());
    peer.send(bytes.substr(0, size));
  }
  expect_service();
}

TEST_F(DaskServerTest, DisconnectsPeersThatDoNotShakeHands) {
  const DaskServer impatient({.port = 0, .handshake_seconds = 0.1}, source_);
  RawPeer silent(impatient.port());
  RawPeer halfway(impatient.port());
  halfway.send(shaken().substr(0, 20));
  silent.read_to_end();
  halfway.read_to_end();
}

TEST_F(DaskServerTest, SaysWhichPortIsTaken) {
  try {
    const DaskServer second({.port = server_.port()}, source_);
    FAIL() << "two servers on one port";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr("127.0.0.1:" + std::to_string(server_.port()) + " for Dask"));
  }
}

TEST_F(DaskServerTest, SaysWhichFileTlsCannotUse) {
  try {
    const DaskServer second({.port = 0, .tls_ca = "/nowhere/ca.pem"}, source_);
    FAIL() << "TLS without files";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr("/nowhere/ca.pem"));
  }
}

}  // namespace
}  // namespace trireme::launcher
