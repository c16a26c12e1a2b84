#include "store/store_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace trireme::detail {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Connection = StoreService::Connection;

// Drives the service on a clock of the test's own.
class StoreServiceTest : public testing::Test {
 protected:
  void connect(Connection connection, int rank, const std::string& node = "node") {
    service_.connected(connection, now_);
    service_.received(connection, hello(rank, node));
  }
  static StoreFrame hello(int rank, const std::string& node) {
    return {.type = FrameType::kHello,
            .id = kStoreProtocolVersion,
            .number = rank,
            .key = node,
            .value = std::string(kStoreMagic)};
  }
  // Frames for one connection since the last call; those for others are dropped.
  std::vector<StoreFrame> replies_to(Connection connection) {
    std::vector<StoreFrame> frames;
    for (auto& reply : service_.take_replies()) {
      if (reply.to == connection) frames.push_back(std::move(reply.frame));
    }
    return frames;
  }
  void forget_replies() { static_cast<void>(service_.take_replies()); }
  void advance(std::chrono::milliseconds time) { service_.tick(now_ += time); }

  StoreService::Time now_{};
  StoreService service_{StoreService::Options{}};
};

TEST_F(StoreServiceTest, WelcomesAHelloWithTheHeartbeatTimeout) {
  connect(1, 0);
  EXPECT_THAT(replies_to(1),
              ElementsAre(StoreFrame{.type = FrameType::kWelcome, .id = kStoreProtocolVersion, .number = 2000}));
  EXPECT_TRUE(service_.is_greeted(1));
}

TEST_F(StoreServiceTest, RefusesAnotherProtocolVersion) {
  service_.connected(1, now_);
  auto frame = hello(0, "node");
  frame.id = 9;
  service_.received(1, frame);
  const auto replies = replies_to(1);
  ASSERT_EQ(replies.size(), 1U);
  EXPECT_EQ(replies[0].type, FrameType::kRefused);
  EXPECT_THAT(replies[0].value, HasSubstr("protocol 9"));
  EXPECT_THAT(service_.take_closing(), ElementsAre(1));
}

TEST_F(StoreServiceTest, ClosesWhoSpeaksBeforeTheHello) {
  service_.connected(1, now_);
  service_.received(1, {.type = FrameType::kSet, .id = 1, .key = "key", .value = "v"});
  EXPECT_THAT(service_.take_closing(), ElementsAre(1));
}

TEST_F(StoreServiceTest, ClosesWhoNeverSaysHello) {
  service_.connected(1, now_);
  advance(5000ms);
  EXPECT_THAT(service_.take_closing(), IsEmpty());
  service_.heard(1, now_);
  advance(1ms);
  EXPECT_THAT(service_.take_closing(), ElementsAre(1));
}

TEST_F(StoreServiceTest, RefusesASecondProcessOfTheSameRank) {
  connect(1, 3, "first");
  connect(2, 3, "second");
  const auto replies = replies_to(2);
  ASSERT_EQ(replies.size(), 1U);
  EXPECT_THAT(replies[0].value, HasSubstr("rank 3 is already connected from node 'first'"));
  service_.closed(2);
  EXPECT_THAT(service_.lost(), IsEmpty());
}

TEST_F(StoreServiceTest, ParksAGetUntilTheKeyIsSet) {
  connect(1, 0);
  connect(2, 1);
  forget_replies();
  service_.received(1, {.type = FrameType::kGet, .id = 4, .key = "key"});
  EXPECT_THAT(replies_to(1), IsEmpty());
  service_.received(2, {.type = FrameType::kSet, .id = 9, .key = "key", .value = "v"});
  EXPECT_THAT(replies_to(1), ElementsAre(StoreFrame{.type = FrameType::kValue, .id = 4, .value = "v"}));
}

TEST_F(StoreServiceTest, ForgetsACancelledGet) {
  connect(1, 0);
  service_.received(1, {.type = FrameType::kGet, .id = 4, .key = "key"});
  service_.received(1, {.type = FrameType::kCancel, .id = 4});
  forget_replies();
  service_.received(1, {.type = FrameType::kSet, .id = 5, .key = "key", .value = "v"});
  EXPECT_THAT(replies_to(1), ElementsAre(StoreFrame{.type = FrameType::kDone, .id = 5}));
}

TEST_F(StoreServiceTest, ForgetsTheGetsOfAClosedConnection) {
  connect(1, 0);
  connect(2, 1);
  service_.received(1, {.type = FrameType::kGet, .id = 4, .key = "key"});
  service_.closed(1);
  forget_replies();
  service_.received(2, {.type = FrameType::kSet, .id = 5, .key = "key", .value = "v"});
  EXPECT_THAT(replies_to(1), IsEmpty());
}

TEST_F(StoreServiceTest, TellsTheOthersOfARankWhoseConnectionEnds) {
  connect(1, 0);
  connect(2, 1, "node1");
  forget_replies();
  service_.closed(2);
  EXPECT_THAT(service_.lost(), ElementsAre(LostRank{.rank = 1, .node = "node1", .cause = "connection closed"}));
  EXPECT_THAT(replies_to(1), ElementsAre(StoreFrame{
                                 .type = FrameType::kLost, .number = 1, .key = "node1", .value = "connection closed"}));
}

TEST_F(StoreServiceTest, DoesNotMissAClientThatIsNoRank) {
  connect(1, -1);
  service_.closed(1);
  advance(10000ms);
  EXPECT_THAT(service_.lost(), IsEmpty());
}

TEST_F(StoreServiceTest, LetsARankLeaveWithAGoodbye) {
  connect(1, 0);
  service_.received(1, {.type = FrameType::kGoodbye});
  EXPECT_THAT(service_.take_closing(), ElementsAre(1));
  service_.closed(1);
  EXPECT_THAT(service_.lost(), IsEmpty());
}

TEST_F(StoreServiceTest, LosesARankThatIsSilentForTheHeartbeatTimeout) {
  connect(1, 0);
  connect(2, 1);
  advance(1500ms);
  service_.heard(1, now_);
  advance(500ms);
  EXPECT_THAT(service_.lost(), IsEmpty());
  advance(1ms);
  EXPECT_THAT(service_.lost(), ElementsAre(LostRank{.rank = 1, .node = "node", .cause = "no heartbeat for 2 s"}));
  EXPECT_THAT(service_.take_closing(), ElementsAre(2));
  service_.closed(2);
  EXPECT_EQ(service_.lost().size(), 1U);
}

TEST_F(StoreServiceTest, ReplacesTheCauseByWhatTheLauncherSaw) {
  connect(1, 0);
  connect(2, 1);
  service_.closed(2);
  forget_replies();
  const LostRank seen{.rank = 1, .node = "node", .cause = "killed by signal 9"};
  service_.report_lost(seen);
  EXPECT_THAT(service_.lost(), ElementsAre(seen));
  EXPECT_EQ(replies_to(1).size(), 1U);
  service_.report_lost(seen);
  EXPECT_THAT(replies_to(1), IsEmpty()) << "the same news is told once";
}

TEST_F(StoreServiceTest, KeepsTheLaunchersCauseWhenTheConnectionEndsLater) {
  connect(1, 0);
  connect(2, 1);
  const LostRank seen{.rank = 1, .node = "node", .cause = "killed by signal 9"};
  service_.report_lost(seen);
  service_.closed(2);
  EXPECT_THAT(service_.lost(), ElementsAre(seen));
}

TEST_F(StoreServiceTest, TakesReportsFromClients) {
  connect(1, -1);
  service_.received(1, {.type = FrameType::kReportLost, .id = 3, .number = -1, .key = "node7", .value = "unreachable"});
  EXPECT_THAT(service_.lost(), ElementsAre(LostRank{.rank = -1, .node = "node7", .cause = "unreachable"}));
}

TEST_F(StoreServiceTest, TellsNewcomersWhoIsLost) {
  connect(1, 0);
  service_.closed(1);
  connect(2, 1);
  const auto replies = replies_to(2);
  ASSERT_EQ(replies.size(), 2U);
  EXPECT_EQ(replies[1].type, FrameType::kLost);
}

TEST_F(StoreServiceTest, FindsALostRankThatRegistersAgain) {
  connect(1, 0);
  connect(2, 1);
  service_.closed(2);
  forget_replies();
  connect(3, 1);
  EXPECT_THAT(service_.lost(), IsEmpty());
  EXPECT_THAT(replies_to(1), ElementsAre(StoreFrame{.type = FrameType::kFound, .number = 1}));
}

TEST_F(StoreServiceTest, WelcomesARankThatRegistersAgainFirstOfAll) {
  connect(1, 1);
  service_.closed(1);
  connect(2, 1);
  const auto replies = replies_to(2);
  ASSERT_EQ(replies.size(), 1U);
  EXPECT_EQ(replies[0].type, FrameType::kWelcome);
}

TEST_F(StoreServiceTest, ClosesAClientThatSendsServerFrames) {
  connect(1, 0);
  service_.received(1, {.type = FrameType::kWelcome});
  EXPECT_THAT(service_.take_closing(), ElementsAre(1));
}

}  // namespace
}  // namespace trireme::detail
