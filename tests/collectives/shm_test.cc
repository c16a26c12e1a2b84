#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "reference.h"
#include "support/process_ranks.h"
#include "support/thread_ranks.h"
#include "trireme/base/error.h"
#include "trireme/collectives/shm.h"

// What only the shm backend promises: how groups form, what is left behind, and what the others see of a dead peer.
namespace trireme::collectives::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::AllOf;
using testing::HasSubstr;
using trireme::test::ProcessRank;
using trireme::test::ProcessRanks;
using trireme::test::run_thread_ranks;
using trireme::test::ThreadRank;

std::set<std::string> names_in_dev_shm() {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator("/dev/shm")) names.insert(entry.path().filename());
  return names;
}

// The text of the E that `call` throws, with the time it took as milliseconds.
template <typename E, typename Call>
std::string text_thrown_by(Call&& call) {
  try {
    call();
  } catch (const E& error) {
    return error.what();
  }
  return "threw nothing";
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

TEST(ShmGroup, TimesOutNamingTheRanksThatDoNotCome) {
  InMemoryStore store;
  const auto text = text_thrown_by<TimeoutError>(
      [&] { (void)make_shm(store, {.rank = 0, .size = 3, .name = "g", .timeout = milliseconds(50)}); });
  EXPECT_THAT(text, AllOf(HasSubstr("'shm/g' of 3 ranks"), HasSubstr("rank 1, 2 did not arrive")));
  const auto other = text_thrown_by<TimeoutError>(
      [&] { (void)make_shm(store, {.rank = 1, .size = 3, .name = "h", .timeout = milliseconds(50)}); });
  EXPECT_THAT(other, HasSubstr("rank 0 did not arrive"));
}

TEST(ShmGroup, TellsThoseWhoCameWhoDidNot) {
  run_thread_ranks(2, [](const ThreadRank& rank) {
    const ShmOptions options{.rank = rank.rank, .size = 3, .timeout = rank.rank == 0 ? milliseconds(200) : seconds(30)};
    const auto text = text_thrown_by<TimeoutError>([&] { (void)make_shm(rank.store, options); });
    EXPECT_THAT(text, HasSubstr("rank 2 did not arrive"));
  });
}

TEST(ShmGroup, RejectsARankOutsideItsSize) {
  InMemoryStore store;
  EXPECT_THROW((void)make_shm(store, {.rank = 2, .size = 2}), ConfigError);
  EXPECT_THROW((void)make_shm(store, {.rank = -1, .size = 2}), ConfigError);
}

TEST(ShmGroup, LeavesNoNameInDevShmAndNoKeyInTheStore) {
  run_thread_ranks(2, [](const ThreadRank& rank) {
    const auto before = names_in_dev_shm();
    const auto c = make_shm(rank.store, {.rank = rank.rank, .size = 2, .name = "g"});
    const auto memory = c->allocate(4096);
    c->barrier();
    EXPECT_EQ(names_in_dev_shm(), before);
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

TEST(ShmGroup, APeerThatDestroyedItsCommunicatorFailsThoseWhoWaitForIt) {
  run_thread_ranks(3, [](const ThreadRank& rank) {
    auto c = make_shm(rank.store, {.rank = rank.rank, .size = 3});
    c->barrier();
    if (rank.rank == 1) return;
    const auto text = text_thrown_by<CommError>([&] { c->barrier({.timeout = seconds(30)}); });
    EXPECT_THAT(text, HasSubstr("rank 1/3 has destroyed its communicator"));
  });
}

TEST(ShmGroup, AbortFromAnotherThreadEndsAWait) {
  run_thread_ranks(2, [](const ThreadRank& rank) {
    const auto c = make_shm(rank.store, {.rank = rank.rank, .size = 2});
    float value = 0;
    if (rank.rank == 1) {
      EXPECT_THROW(c->receive(view(&value, 1), 0, 0, {.timeout = seconds(30)})->wait(), CommError);
      return;
    }
    std::jthread other([&] { c->abort("the user pressed Ctrl-C"); });
    const auto text =
        text_thrown_by<CommError>([&] { c->receive(view(&value, 1), 1, 0, {.timeout = seconds(30)})->wait(); });
    EXPECT_THAT(text, HasSubstr("Ctrl-C"));
  });
}

TEST(ShmGroup, PendingWorkFailsWhenItsCommunicatorGoes) {
  InMemoryStore store;
  float value = 0;
  auto c = make_shm(store, {.rank = 0, .size = 1});
  const auto work = c->receive(view(&value, 1), 0, 0);
  c.reset();
  EXPECT_TRUE(work->done());
  EXPECT_THROW(work->wait(), CommError);
}

// A rank that reduces until its peers fail, and reports the error and how it stands.
int reduce_until_peers_fail(const ProcessRank& rank) {
  const auto store = rank.connect();
  const auto c = make_shm(*store, {.rank = rank.rank(), .size = rank.size()});
  Array buffer(Dtype::kFloat32, 100'000);
  c->all_reduce(buffer.view())->wait();
  rank.report("started");
  try {
    for (;;) c->all_reduce(buffer.view(), {.timeout = seconds(30)})->wait();
  } catch (const PeerLostError& lost) {
    rank.report("lost " + std::to_string(lost.rank()) + ": " + lost.what());
    return 0;
  }
}

TEST(ShmGroup, EverySurvivorOfAKilledRankNamesItWithinTwoSeconds) {
  for (const int ranks : {2, 3, 4}) {
    ProcessRanks world({.size = ranks}, reduce_until_peers_fail);
    const int victim = ranks / 2;
    for (int rank = 0; rank < ranks; ++rank) ASSERT_TRUE(world.wait_for_report(rank, "started"));
    const auto killed = std::chrono::steady_clock::now();
    world.signal(victim, SIGKILL);
    const auto results = world.wait();
    EXPECT_LT(std::chrono::steady_clock::now() - killed, seconds(2));
    for (int rank = 0; rank < ranks; ++rank) {
      if (rank == victim) continue;
      const auto name = "lost " + std::to_string(victim) + ": rank " + std::to_string(victim) + " on node node is lost";
      EXPECT_THAT(results[rank].report, HasSubstr(name));
      EXPECT_EQ(results[rank].exit_code, 0);
    }
  }
}

// Rank 0 hands out segments, so its death is another case than that of those who take them.
TEST(ShmGroup, ARankThatDiesWhileOthersFormAGroupIsNamedWithinTwoSeconds) {
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

TEST(ShmGroup, SurvivorsFormANewGroupInTheSameProcesses) {
  ProcessRanks world({.size = 3}, [](const ProcessRank& rank) {
    const auto store = rank.connect();
    auto first = make_shm(*store, {.rank = rank.rank(), .size = 3, .name = "first"});
    rank.report("started");
    if (rank.rank() == 2) first->receive(Array(Dtype::kUint8, 1).view(), 0, 0)->wait();
    EXPECT_THROW(first->barrier(), PeerLostError);
    const auto second = make_shm(*store, {.rank = rank.rank(), .size = 2, .name = "second"});
    float sum = 1;
    second->all_reduce(view(&sum, 1), {.timeout = seconds(30)})->wait();
    return sum == 2 && !testing::Test::HasFailure() ? 0 : 1;
  });
  for (int rank = 0; rank < 3; ++rank) ASSERT_TRUE(world.wait_for_report(rank, "started"));
  world.signal(2, SIGKILL);
  const auto results = world.wait();
  EXPECT_EQ(results[0].exit_code, 0) << results[0].report;
  EXPECT_EQ(results[1].exit_code, 0) << results[1].report;
}

}  // namespace
}  // namespace trireme::collectives::test
