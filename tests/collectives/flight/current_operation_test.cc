#include "trireme/collectives/current_operation.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "support/thread_ranks.h"
#include "trireme/collectives/shm.h"
#include "trireme/collectives/single.h"

namespace trireme::collectives::test {
namespace {

using trireme::test::run_thread_ranks;
using trireme::test::ThreadRank;

TEST(CurrentOperation, IsTheLastOneThatFinishedWhenNoneIsUnderWay) {
  const auto c = make_single();
  std::vector<float> values(100);
  c->all_reduce(view(values.data(), 100))->wait();
  c->broadcast(view(values.data(), 7), 0)->wait();
  const auto current = current_operation();
  ASSERT_TRUE(current);
  EXPECT_EQ(current->call, "broadcast");
  EXPECT_EQ(current->sequence, 2U);
  EXPECT_EQ(current->bytes, 28);
  EXPECT_EQ(current->communicator, "world");
  EXPECT_TRUE(current->is_finished);
  EXPECT_GE(current->since.count(), 0);
}

TEST(CurrentOperation, IsTheOneThatWaitsForARankThatDoesNotCome) {
  run_thread_ranks(2, [](const ThreadRank& rank) {
    const auto c = make_shm(rank.store, {.rank = rank.rank, .size = 2, .name = "waiting"});
    std::optional<CurrentOperation> seen;
    if (rank.rank == 1) {
      while (!(seen = current_operation()) || seen->is_finished) std::this_thread::yield();
      EXPECT_EQ(seen->call, "barrier");
      EXPECT_EQ(seen->communicator, "waiting");
    }
    c->barrier();
  });
}

}  // namespace
}  // namespace trireme::collectives::test
