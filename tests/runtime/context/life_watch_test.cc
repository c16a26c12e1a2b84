#include "context/life_watch.h"

#include <gtest/gtest.h>

#include <future>

namespace trireme {
namespace {

TEST(LifeWatch, TellsOfALostRank) {
  TcpStoreServer server({});
  TcpStore store({.port = server.port()});
  std::promise<LostRank> told;
  LifeWatch watch(store, [&](const LostRank& lost) { told.set_value(lost); });
  server.report_lost({3, "node-2", "killed by signal 9"});
  auto future = told.get_future();
  ASSERT_EQ(future.wait_for(std::chrono::seconds(10)), std::future_status::ready);
  EXPECT_EQ(describe(future.get()), "rank 3 on node-2 is lost: killed by signal 9");
}

TEST(LifeWatch, EndsQuietlyWhenNobodyIsLost) {
  InMemoryStore store;
  bool told = false;
  {
    LifeWatch watch(store, [&](const LostRank&) { told = true; });
  }
  EXPECT_FALSE(told);
}

TEST(LifeWatch, DescribesNodesAndTheStoreItself) {
  EXPECT_EQ(describe({-1, "node-2", "no heartbeat for 2 s"}), "node node-2 is lost: no heartbeat for 2 s");
  EXPECT_EQ(describe({-1, "", "connection closed"}), "the run's store is lost: connection closed");
}

}  // namespace
}  // namespace trireme
