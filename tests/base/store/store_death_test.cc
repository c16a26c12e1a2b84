#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "support/process_ranks.h"
#include "trireme/base/error.h"
#include "trireme/base/store.h"

// Ranks that die, as processes.
namespace trireme {
namespace {

using namespace std::chrono_literals;
using test::ProcessRank;
using test::ProcessRanks;
using testing::HasSubstr;

// Polls as the wait loop of a collective does; the news itself is pushed.
std::string wait_until_told(const TcpStore& store) {
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  while (store.lost_generation() == 0 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  const auto lost = store.lost();
  return lost.empty() ? "nobody" : std::to_string(lost[0].rank) + " on " + lost[0].node + ": " + lost[0].cause;
}

// Rank 1 registers and waits for its fate; the others report when they learn of it.
int survive_or_wait(const ProcessRank& me) {
  const auto store = me.connect();
  me.report("ready");
  if (me.rank() == 1) store->get("never", 60s);
  me.report("told: " + wait_until_told(*store));
  return 0;
}

TEST(StoreDeath, SurvivorsLearnOfAKilledRankWithinTwoSeconds) {
  ProcessRanks ranks({.size = 4}, survive_or_wait);
  for (int rank = 0; rank < 4; ++rank) ASSERT_TRUE(ranks.wait_for_report(rank, "ready"));
  const auto killed_at = std::chrono::steady_clock::now();
  ranks.signal(1);
  for (const int rank : {0, 2, 3}) EXPECT_TRUE(ranks.wait_for_report(rank, "told: 1 on node: connection closed\n"));
  EXPECT_LT(std::chrono::steady_clock::now() - killed_at, 2s);
  const auto results = ranks.wait();
  EXPECT_EQ(results[1].signal, SIGKILL);
  EXPECT_EQ(results[0].exit_code, 0);
}

TEST(StoreDeath, SurvivorsLearnOfARankThatExitsWithoutAGoodbye) {
  ProcessRanks ranks({.size = 2}, [](const ProcessRank& me) {
    const auto store = me.connect();
    store->add("arrived", 1);
    if (me.rank() == 1) ::_exit(3);
    me.report("told: " + wait_until_told(*store));
    return 0;
  });
  EXPECT_TRUE(ranks.wait_for_report(0, "told: 1 on node: connection closed\n"));
  EXPECT_EQ(ranks.wait()[1].exit_code, 3);
}

TEST(StoreDeath, AStoppedRankIsLostAfterTheHeartbeatTimeout) {
  ProcessRanks ranks({.size = 2, .heartbeat_timeout = 1000ms}, survive_or_wait);
  for (int rank = 0; rank < 2; ++rank) ASSERT_TRUE(ranks.wait_for_report(rank, "ready"));
  ranks.signal(1, SIGSTOP);
  EXPECT_TRUE(ranks.wait_for_report(0, "told: 1 on node: no heartbeat for 1 s\n"));
  ranks.signal(1, SIGCONT);
  EXPECT_TRUE(ranks.wait_for_report(1, "exception: store at")) << "who was declared lost may not go on";
  EXPECT_EQ(ranks.wait()[1].exit_code, 70);
}

TEST(StoreDeath, TheLaunchersCauseReplacesTheConnections) {
  ProcessRanks ranks({.size = 2}, [](const ProcessRank& me) {
    const auto store = me.connect();
    me.report("ready");
    if (me.rank() == 1) store->get("never", 60s);
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    while (store->lost_generation() < 2 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    me.report("told: " + wait_until_told(*store));
    return 0;
  });
  for (int rank = 0; rank < 2; ++rank) ASSERT_TRUE(ranks.wait_for_report(rank, "ready"));
  ranks.signal(1);
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  while (ranks.server().lost().empty() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  ranks.server().report_lost({.rank = 1, .node = "node", .cause = "killed by signal 9 (SIGKILL)"});
  EXPECT_TRUE(ranks.wait_for_report(0, "told: 1 on node: killed by signal 9 (SIGKILL)\n"));
}

// Rank 0 serves the store here, as in a run without the launcher.
int serve_or_use(const ProcessRank& me) {
  const auto address = me.connect();
  if (me.rank() == 0) {
    const TcpStoreServer server({.heartbeat_timeout = 1000ms});
    address->set("port", std::to_string(server.port()));
    me.report("ready");
    address->get("never", 60s);
  }
  const auto port = static_cast<std::uint16_t>(std::stoi(address->get("port", 30s)));
  const TcpStore store({.port = port, .rank = me.rank(), .node = "node"});
  me.report("ready");
  me.report("told: " + wait_until_told(store));
  return 0;
}

TEST(StoreDeath, ClientsLearnThatTheServersProcessDied) {
  ProcessRanks ranks({.size = 3}, serve_or_use);
  for (int rank = 0; rank < 3; ++rank) ASSERT_TRUE(ranks.wait_for_report(rank, "ready"));
  ranks.signal(0);
  for (const int rank : {1, 2}) EXPECT_TRUE(ranks.wait_for_report(rank, "told: -1 on : store at 127.0.0.1:"));
}

TEST(StoreDeath, ClientsLearnThatTheServersProcessHangs) {
  ProcessRanks ranks({.size = 2}, serve_or_use);
  for (int rank = 0; rank < 2; ++rank) ASSERT_TRUE(ranks.wait_for_report(rank, "ready"));
  ranks.signal(0, SIGSTOP);
  EXPECT_TRUE(ranks.wait_for_report(1, "it answered no heartbeat for 5000 ms"));
}

TEST(StoreDeath, ARestartedRankIsLostNoMore) {
  ProcessRanks ranks({.size = 2}, [](const ProcessRank& me) {
    const auto store = me.connect();
    if (me.rank() == 1) ::_exit(3);
    me.report("told: " + wait_until_told(*store));
    const TcpStore again({.port = me.store_port(), .rank = 1, .node = "node"});
    const auto deadline = std::chrono::steady_clock::now() + 30s;
    while (!store->lost().empty() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    me.report(store->lost().empty() ? "found" : "still lost");
    return 0;
  });
  EXPECT_TRUE(ranks.wait_for_report(0, "found\n")) << ranks.wait()[0].report;
  EXPECT_TRUE(ranks.server().lost().empty());
}

}  // namespace
}  // namespace trireme
