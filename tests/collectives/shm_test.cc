#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <string>
#include <vector>

#include "reference.h"
#include "support/process_ranks.h"
#include "support/thread_ranks.h"
#include "support/thrown_text.h"
#include "trireme/base/error.h"
#include "trireme/collectives/shm.h"

// What only the shm backend promises: its bits, its arenas, what is left behind, and who is named that dies while a
// group forms.
namespace trireme::collectives::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::AllOf;
using testing::HasSubstr;
using trireme::test::ProcessRank;
using trireme::test::ProcessRanks;
using trireme::test::run_thread_ranks;
using trireme::test::text_thrown_by;
using trireme::test::ThreadRank;

// What this process has mapped of /dev/shm: others put theirs there too, at any time.
std::vector<std::string> mapped_from_dev_shm() {
  std::vector<std::string> mappings;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (line.find("/dev/shm/") != std::string::npos) mappings.push_back(line);
  }
  return mappings;
}

TEST(ShmGroup, BitsDoNotDependOnTheSizeOfTheStagingArea) {
  const auto expected = reduced_samples(Dtype::kFloat32, 10'007, 3, ReduceOp::kSum);
  for (const std::size_t staging : {std::size_t{1}, std::size_t{4096}, std::size_t{1} << 20}) {
    run_thread_ranks(3, [&](const ThreadRank& rank) {
      const auto c = make_shm(rank.store, {.rank = rank.rank, .size = 3, .staging_bytes = staging});
      auto buffer = sample(Dtype::kFloat32, 10'007, rank.rank);
      c->all_reduce(buffer.view())->wait();
      EXPECT_EQ(buffer, expected);
    });
  }
}

TEST(ShmGroup, LeavesNoNameInDevShmAndNoKeyInTheStore) {
  run_thread_ranks(2, [](const ThreadRank& rank) {
    const auto c = make_shm(rank.store, {.rank = rank.rank, .size = 2, .name = "g"});
    const auto memory = c->allocate(4096);
    c->barrier();
    EXPECT_EQ(mapped_from_dev_shm(), std::vector<std::string>());
    EXPECT_EQ(rank.store.try_get("shm/g"), std::nullopt);
  });
}

TEST(ShmGroup, RanksThatAreThreadsSeeEachOthersArena) {
  std::vector<MemoryPtr> arenas(2);
  run_thread_ranks(2, [&](const ThreadRank& rank) {
    const auto c = make_shm(rank.store, {.rank = rank.rank, .size = 2});
    arenas[rank.rank] = c->allocate(100);
    c->barrier();
  });
  const auto distance = static_cast<std::byte*>(arenas[1]->data()) - static_cast<std::byte*>(arenas[0]->data());
  EXPECT_EQ(distance, 2 << 20);
}

TEST(ShmGroup, AllocatingDifferentSizesIsAMismatch) {
  run_thread_ranks(2, [](const ThreadRank& rank) {
    const auto c = make_shm(rank.store, {.rank = rank.rank, .size = 2});
    const auto text = text_thrown_by<MismatchError>([&] { (void)c->allocate(100 + rank.rank); });
    EXPECT_THAT(text, AllOf(HasSubstr("allocate #1 of 100"), HasSubstr("allocate #1 of 101")));
  });
}

// Rank 0 hands out segments, so its death is another case than that of those who take them.
TEST(ShmGroupOfProcesses, ARankThatDiesWhileOthersFormAGroupIsNamedWithinTwoSeconds) {
  for (const std::string what : {"group", "memory", "part"}) {
    for (const int victim : {0, 2}) {
      SCOPED_TRACE(what + " without rank " + std::to_string(victim));
      ProcessRanks world({.size = 3}, [&](const ProcessRank& rank) {
        const auto store = rank.connect();
        const bool is_victim = rank.rank() == victim;
        const auto die = [&] {
          rank.report("started");
          (void)store->get("never", seconds(60));
        };
        if (is_victim && what == "group") die();
        try {
          const auto c = make_shm(*store, {.rank = rank.rank(), .size = rank.size()});
          if (is_victim) die();
          if (what == "memory") (void)c->allocate(4096);
          if (what == "part") (void)c->split(0, rank.rank());
          c->barrier({.timeout = seconds(60)});
        } catch (const PeerLostError& lost) {
          rank.report("lost " + std::to_string(lost.rank()));
        }
        return 0;
      });
      ASSERT_TRUE(world.wait_for_report(victim, "started"));
      const auto killed = std::chrono::steady_clock::now();
      world.signal(victim, SIGKILL);
      const auto results = world.wait();
      EXPECT_LT(std::chrono::steady_clock::now() - killed, seconds(2));
      for (int rank = 0; rank < 3; ++rank) {
        if (rank == victim) continue;
        EXPECT_THAT(results[rank].report, HasSubstr("lost " + std::to_string(victim)));
      }
    }
  }
}

}  // namespace
}  // namespace trireme::collectives::test
