#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <stdexcept>

#include "support/process_ranks.h"
#include "support/temporary_folder.h"
#include "support/thread_ranks.h"

namespace trireme::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

TEST(ThreadRanks, RunsEveryRankWithOneStore) {
  std::atomic<int> ranks = 0;
  run_thread_ranks(5, [&](const ThreadRank& me) {
    me.store.add("arrived", 1);
    ranks += 1 << me.rank;
    if (me.size != 5) throw std::logic_error("wrong size");
  });
  EXPECT_EQ(ranks, 31);
}

TEST(ThreadRanks, RethrowsTheFirstFailureWithItsRank) {
  try {
    run_thread_ranks(3, [](const ThreadRank& me) {
      if (me.rank == 2) throw std::out_of_range("the cause");
    });
    FAIL() << "did not throw";
  } catch (const RankFailure& failure) {
    EXPECT_STREQ(failure.what(), "rank 2 of 3: the cause");
    EXPECT_THROW(failure.rethrow_nested(), std::out_of_range);
  }
}

TEST(ThreadRanksDeathTest, NamesTheRanksThatHang) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH(run_thread_ranks(
                   3,
                   [](const ThreadRank& me) {
                     if (me.rank == 1) me.store.get("never", 1h);
                   },
                   1s),
               "these ranks still run: 1\n");
}

TEST(ProcessRanks, TellsHowEachRankEnded) {
  ProcessRanks ranks({.size = 4}, [](const ProcessRank& me) {
    me.report("rank " + std::to_string(me.rank()) + " of " + std::to_string(me.size()));
    if (me.rank() == 1) throw std::runtime_error("broken");
    if (me.rank() == 2) ::raise(SIGTERM);
    return me.rank();
  });
  const auto results = ranks.wait();
  EXPECT_EQ(results[0].exit_code, 0);
  EXPECT_EQ(results[0].report, "rank 0 of 4\n");
  EXPECT_EQ(results[1].exit_code, 70);
  EXPECT_THAT(results[1].report, HasSubstr("exception: broken\n"));
  EXPECT_EQ(results[2].signal, SIGTERM);
  EXPECT_EQ(results[3].exit_code, 3);
}

TEST(ProcessRanks, KillsWhatRunsBeyondTheDeadline) {
  ProcessRanks ranks({.size = 1, .deadline = 200ms}, [](const ProcessRank&) {
    ::pause();
    return 0;
  });
  const auto results = ranks.wait();
  EXPECT_TRUE(results[0].is_overdue);
  EXPECT_EQ(results[0].signal, SIGKILL);
}

TEST(ProcessRanks, LeavesNoProcessBehind) {
  pid_t pid = 0;
  {
    const ProcessRanks ranks({.size = 1}, [](const ProcessRank&) {
      ::pause();
      return 0;
    });
    pid = ranks.pid(0);
    EXPECT_EQ(::kill(pid, 0), 0);
  }
  EXPECT_EQ(::kill(pid, 0), -1);
}

TEST(TemporaryFolder, IsRemovedWithWhatItHolds) {
  std::filesystem::path path;
  {
    const TemporaryFolder folder;
    path = folder.path();
    EXPECT_EQ(folder.write("a/b/c.txt", "text"), path / "a/b/c.txt");
    EXPECT_TRUE(std::filesystem::exists(path / "a/b/c.txt"));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace trireme::test
