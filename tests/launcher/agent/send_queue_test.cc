#include "agent/send_queue.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace trireme::launcher {
namespace {

using namespace std::chrono_literals;

std::vector<int> take_all(SendQueue<int>& queue) {
  std::vector<int> taken;
  while (const auto message = queue.take(0ms)) taken.push_back(*message);
  return taken;
}

TEST(SendQueue, SendsAgainWhatWasNotAcknowledged) {
  SendQueue<int> queue(10);
  for (int message : {1, 2, 3, 4}) queue.put(message);
  EXPECT_EQ(take_all(queue), (std::vector<int>{1, 2, 3, 4}));
  queue.acknowledge(2);
  queue.put(5);
  queue.start_over();
  EXPECT_EQ(take_all(queue), (std::vector<int>{3, 4, 5}));
}

TEST(SendQueue, CountsAcknowledgementsAnewOnEveryConnection) {
  SendQueue<int> queue(10);
  for (int message : {1, 2, 3}) queue.put(message);
  take_all(queue);
  queue.acknowledge(2);
  queue.acknowledge(2);
  queue.start_over();
  take_all(queue);
  queue.acknowledge(1);
  queue.start_over();
  EXPECT_TRUE(take_all(queue).empty());
}

TEST(SendQueue, BlocksASourceUntilThePeerHasTakenSomething) {
  SendQueue<int> queue(2);
  queue.put(1);
  queue.put(2);
  std::jthread source([&] { queue.put(3); });
  EXPECT_EQ(take_all(queue), (std::vector<int>{1, 2}));
  queue.acknowledge(1);
  source.join();
  EXPECT_EQ(take_all(queue), (std::vector<int>{3}));
}

TEST(SendQueue, DropsOffersWhileItIsFullOfThem) {
  SendQueue<int> queue(3);
  for (int message : {1, 2, 3, 4}) queue.offer(message);
  EXPECT_EQ(take_all(queue), (std::vector<int>{1, 2, 3}));
  queue.acknowledge(1);
  queue.offer(5);
  EXPECT_EQ(take_all(queue), (std::vector<int>{5}));
}

TEST(SendQueue, LeavesOthersTheirRoomWhenOneKindFloodsIt) {
  SendQueue<int> queue(100);
  queue.put(1, 1000);  // the last that has room, whatever it costs
  std::jthread flood([&] { queue.put(4, 1000); });
  queue.offer(2, 50);
  queue.put(3, 0);
  EXPECT_EQ(take_all(queue), (std::vector<int>{1, 2, 3}));
  queue.acknowledge(1);
  flood.join();
  EXPECT_EQ(take_all(queue), (std::vector<int>{4}));
}

TEST(SendQueue, LetsEverybodyGoWhenItIsClosed) {
  SendQueue<int> queue(1);
  queue.put(1);
  std::jthread source([&] { queue.put(2); });
  queue.close();
  source.join();
  EXPECT_FALSE(queue.take(1h));
}

}  // namespace
}  // namespace trireme::launcher
