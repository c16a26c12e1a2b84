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

TEST(SendQueue, DropsOffersBeforeItIsFull) {
  SendQueue<int> queue(4);
  for (int message : {1, 2, 3, 4}) queue.offer(message);
  EXPECT_EQ(take_all(queue), (std::vector<int>{1, 2, 3}));
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
