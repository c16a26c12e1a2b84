#include "dask/dask_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dask/frame_codec.h"
#include "dask/handlers.h"
#include "dask/message.h"
#include "demo_cluster.h"
#include "raw_peer.h"
#include "trireme/base/error.h"

namespace trireme::launcher {
namespace {

using dask::encode_frame;
using dask::MessageWriter;
using testing::HasSubstr;

class DaskServerTest : public testing::Test {
 protected:
  DaskServerTest() { show_busy_cluster(source_, 3); }

  static std::string identity_request() {
    return encode_frame(MessageWriter().map(1).text("op").text("identity").take());
  }
  void expect_service() const {
    RawPeer peer(server_.port());
    peer.send(encode_frame(dask::handshake()) + identity_request());
    EXPECT_THAT(peer.read_until("r-0007"), HasSubstr("node3"));
  }

  FakeSource source_;
  DaskServer server_{{.port = 0}, source_};
};

TEST_F(DaskServerTest, ShakesHandsBeforeItIsSpokenTo) {
  RawPeer peer(server_.port());
  EXPECT_THAT(peer.read_until("pickle-protocol"), HasSubstr("compression"));
}

TEST_F(DaskServerTest, AnswersRequestsOneAfterTheOther) {
  RawPeer peer(server_.port());
  peer.send(encode_frame(dask::handshake()));
  for (int time = 0; time < 3; ++time) {
    peer.send(identity_request());
    peer.read_until("tcp://127.0.0.1:" + std::to_string(server_.port()));
  }
}

TEST_F(DaskServerTest, AnswersRequestsThatWereSentTogether) {
  RawPeer peer(server_.port());
  const std::string echo =
      encode_frame(MessageWriter().map(2).text("op").text("echo").text("data").text("first").take());
  const std::string close = encode_frame(MessageWriter().map(1).text("op").text("close").take());
  peer.send(encode_frame(dask::handshake()) + echo + close);
  EXPECT_TRUE(peer.read_to_end().ends_with(encode_frame(MessageWriter().text("first").take()) +
                                           encode_frame(MessageWriter().text("OK").take())));
}

TEST_F(DaskServerTest, ClosesHttpProbesAndGarbageAndServesEveryoneElse) {
  const std::string garbage[] = {
      "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
      std::string(64, '\xff'),
      encode_frame("\xc1"),
      encode_frame(MessageWriter().array(0).take()),
      encode_frame(std::string(5000, 'x')),
      encode_frame(dask::handshake()) + encode_frame("\xc1"),
      encode_frame(dask::handshake()) + encode_frame(MessageWriter().integer(5).take()),
  };
  for (const std::string& bytes : garbage) {
    RawPeer peer(server_.port());
    peer.send(bytes);
    EXPECT_THAT(peer.read_to_end(), HasSubstr("pickle-protocol")) << testing::PrintToString(bytes);
    expect_service();
  }
}

TEST_F(DaskServerTest, ServesBesideFiftySilentConnections) {
  std::vector<RawPeer> silent;
  for (int peer = 0; peer < 50; ++peer) silent.emplace_back(server_.port());
  expect_service();
}

TEST_F(DaskServerTest, SaysWhichPortIsTaken) {
  try {
    const DaskServer second({.port = server_.port()}, source_);
    FAIL() << "two servers on one port";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr("127.0.0.1:" + std::to_string(server_.port()) + " for Dask"));
  }
}

}  // namespace
}  // namespace trireme::launcher
