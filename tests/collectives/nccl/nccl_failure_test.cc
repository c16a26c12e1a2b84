#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "nccl_ranks.h"
#include "trireme/base/error.h"
#include "trireme/collectives/nccl.h"

// Failure, hang and mismatch on nccl, played by the fake.
namespace trireme::collectives::test {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using namespace std::chrono_literals;

constexpr auto kNoWatchdog = 0ms;
constexpr auto kWatchdog = 5ms;
constexpr Timeout kShort = 300ms;
constexpr Timeout kPatience = 30s;

// One rank of a world of one, with a clock that pauses move.
class NcclFailure : public testing::Test {
 protected:
  std::unique_ptr<Communicator> make(NcclOptions options = {}) {
    options.watchdog_period = kNoWatchdog;
    api_->has_manual_clock = true;
    auto communicator = make_nccl_over(api_, store_, options);
    api_->forget_calls();
    return communicator;
  }
  FakeNcclWorld nccl_;
  std::shared_ptr<FakeNcclApi> api_ = nccl_.add_rank();
  WatchedStore store_;
  std::vector<float> a_ = std::vector<float>(8, 1.0F);
};

TEST_F(NcclFailure, AFailedCallIsACommErrorThatRevokesTheCommunicator) {
  const auto c = make();
  api_->set_result_of_operations(NcclResult::kRemoteError);
  const auto text = text_thrown_by<CommError>([&] { c->all_reduce(on_gpu(a_))->wait(); });
  EXPECT_THAT(text, AllOf(HasSubstr("all_reduce failed: remote error: as the fake was told"), HasSubstr("NCCL_DEBUG")));
  EXPECT_EQ(api_->calls().back(), "revoke");
  EXPECT_THROW((void)c->all_reduce(on_gpu(a_)), CommError);
}

TEST_F(NcclFailure, AbortsWhereThisNcclCannotRevoke) {
  api_->can_revoke = false;
  auto c = make();
  api_->set_result_of_operations(NcclResult::kRemoteError);
  EXPECT_THROW(c->all_reduce(on_gpu(a_))->wait(), CommError);
  EXPECT_EQ(api_->calls().back(), "abort");
  c.reset();
  EXPECT_THAT(api_->calls(), Not(Contains("destroy")));
}

TEST_F(NcclFailure, AFailedMessageLeavesNoGroupOpen) {
  const auto c = make();
  api_->set_result_of_operations(NcclResult::kRemoteError);
  const auto sending = c->send(on_gpu(a_), 0, 0);
  const auto receiving = c->receive(on_gpu(a_), 0, 0);
  EXPECT_THROW(receiving->wait(), CommError);
  EXPECT_THAT(api_->calls(), Contains("}"));
  EXPECT_THROW(sending->wait(), CommError);
}

TEST_F(NcclFailure, AnErrorThatNcclNoticesLaterFailsTheWait) {
  const auto c = make();
  nccl_.hold(true);
  const auto work = c->all_reduce(on_gpu(a_));
  api_->set_async_error(NcclResult::kRemoteError);
  EXPECT_THROW(work->wait(), CommError);
  EXPECT_NE(work->error(), nullptr);
}

TEST_F(NcclFailure, AHangIsATimeoutThatSaysWhichOperation) {
  const auto c = make();
  nccl_.hold(true);
  const auto work = c->all_reduce(on_gpu(a_), {.timeout = 1000ms});
  const auto text = text_thrown_by<TimeoutError>([&] { work->wait(); });
  EXPECT_THAT(text, AllOf(HasSubstr("all_reduce #1 of 8 float32, sum"), HasSubstr("after 1000 ms")));
  EXPECT_EQ(api_->calls().back(), "revoke");
}

TEST_F(NcclFailure, ACallThatNcclNeverTakesIsATimeout) {
  const auto c = make();
  api_->set_settles(false);
  const auto work = c->all_reduce(on_gpu(a_), {.timeout = 1000ms});
  EXPECT_THROW(work->wait(), TimeoutError);
  api_->set_settles(true);
  const auto held = make({.name = "held"});
  api_->set_settles(false);
  const auto text = text_thrown_by<TimeoutError>([&] {
    const auto other = held->all_reduce(on_gpu(a_), {.timeout = 1000ms});
    other->wait(Stream());
  });
  EXPECT_THAT(text, HasSubstr("did not start within 1000 ms"));
}

TEST_F(NcclFailure, FormingAGroupTimesOutNamingTheRanksThatDoNotCome) {
  const auto text = text_thrown_by<TimeoutError>([&] { (void)make({.size = 3, .name = "few", .timeout = 1000ms}); });
  EXPECT_THAT(text, AllOf(HasSubstr("rank 1, 2 did not arrive"), HasSubstr("'few' of 3 ranks")));
  EXPECT_EQ(api_->calls().back(), "abort");
}

TEST_F(NcclFailure, SplitThatOthersDoNotCallIsATimeout) {
  const auto c = make({.timeout = 1000ms});
  api_->set_settles(false);
  const auto text = text_thrown_by<TimeoutError>([&] { (void)c->split(0, 0); });
  EXPECT_THAT(text, AllOf(HasSubstr("split"), HasSubstr("1000 ms")));
}

TEST_F(NcclFailure, ALostRankOfTheGroupFailsTheWaitAndOthersDoNot) {
  const auto c = make({.global_rank = 4});
  nccl_.hold(true);
  const auto work = c->all_reduce(on_gpu(a_));
  store_.lose({.rank = 7, .node = "elsewhere", .cause = "of another group"});
  EXPECT_FALSE(work->done());
  store_.lose({.rank = 4, .node = "n1", .cause = "connection closed"});
  const auto text = text_thrown_by<PeerLostError>([&] { work->wait(); });
  EXPECT_THAT(text, AllOf(HasSubstr("rank 4 on node n1"), HasSubstr("connection closed"), HasSubstr("all_reduce #1")));
}

TEST(NcclHang, AnErrorOfNcclThatALostRankCausedIsALostRank) {
  for (const auto watchdog : {kNoWatchdog, kWatchdog}) {
    FakeNcclWorld nccl;
    WatchedStore store;
    std::latch failed(2);
    std::latch told(2);
    run_nccl_ranks(nccl, store, 2, {.watchdog_period = watchdog}, [&](const NcclRank& rank) {
      rank.communicator.barrier();
      failed.count_down();
      failed.wait();
      if (rank.rank == 1) {
        store.lose({.rank = 1, .node = "n1", .cause = "killed by signal 9"});
        return told.arrive_and_wait();
      }
      rank.api.set_async_error(NcclResult::kRemoteError);
      const auto text = text_thrown_by<PeerLostError>([&] { rank.communicator.barrier(); });
      EXPECT_THAT(text, HasSubstr("rank 1 on node n1"));
      told.arrive_and_wait();
    });
  }
}

TEST_F(NcclFailure, WaitsAMomentForTheCauseOfALoss) {
  const auto c = make();
  nccl_.hold(true);
  const auto work = c->all_reduce(on_gpu(a_));
  store_.lose({.rank = 0, .node = "n0", .cause = "connection closed"});
  EXPECT_FALSE(work->done());
  store_.lose({.rank = 0, .node = "n0", .cause = "killed by signal 9"}, 0);
  EXPECT_THAT(text_thrown_by<PeerLostError>([&] { work->wait(); }), HasSubstr("killed by signal 9"));
}

TEST_F(NcclFailure, TheLossOfTheStoreEndsTheGroup) {
  const auto c = make();
  nccl_.hold(true);
  const auto work = c->all_reduce(on_gpu(a_));
  store_.lose({.rank = -1, .node = "", .cause = "the server ended"});
  EXPECT_THAT(text_thrown_by<PeerLostError>([&] { work->wait(); }), HasSubstr("store is lost: the server ended"));
}

TEST_F(NcclFailure, WhatEndedBeforeAFailureCounts) {
  const auto c = make();
  const auto ended = c->all_reduce(on_gpu(a_));
  nccl_.hold(true);
  const auto hangs = c->all_reduce(on_gpu(a_));
  c->abort("enough");
  EXPECT_NO_THROW(ended->wait());
  EXPECT_THAT(text_thrown_by<CommError>([&] { hangs->wait(); }), HasSubstr("enough"));
}

TEST_F(NcclFailure, NoMemoryIsRegisteredWithADeadCommunicator) {
  const auto c = make();
  auto memory = c->allocate(1);
  c->abort("enough");
  api_->forget_calls();
  memory.reset();
  EXPECT_THAT(api_->calls(), testing::IsEmpty());
  EXPECT_THROW((void)c->allocate(1), CommError);
}

// Two ranks and more.

TEST(NcclHang, ATimeoutOnOneRankReachesAllAndSaysWhoIsMissing) {
  FakeNcclWorld nccl;
  WatchedStore store;
  run_nccl_ranks(nccl, store, 3, {.watchdog_period = kNoWatchdog}, [&](const NcclRank& rank) {
    std::vector<float> values(4, 1.0F);
    auto& c = rank.communicator;
    c.all_reduce(on_gpu(values))->wait();
    // Rank 1 does something else: it waits for a message that never comes.
    std::vector<float> never(1);
    const auto work = rank.rank == 1 ? c.receive(on_gpu(never), 0, 0, {.timeout = kPatience})
                                     : c.all_reduce(on_gpu(values), {.timeout = kShort});
    const auto text = text_thrown_by<TimeoutError>([&] { work->wait(); });
    EXPECT_THAT(text,
                AllOf(HasSubstr("all_reduce #2 of 4 float32, sum"), HasSubstr("missing rank 1."),
                      HasSubstr("rank 1 has posted all_reduce #1 of 4 float32, sum (16 bytes) and then receive #1")));
  });
}

TEST(NcclHang, TheWatchdogNoticesItWhileTheHostWaitsForNothing) {
  FakeNcclWorld nccl;
  WatchedStore store;
  run_nccl_ranks(nccl, store, 2, {.watchdog_period = kWatchdog}, [&](const NcclRank& rank) {
    std::vector<float> values(4, 1.0F);
    auto& c = rank.communicator;
    c.all_reduce(on_gpu(values))->wait();
    WorkPtr work;
    if (rank.rank == 0) work = c.all_reduce(on_gpu(values), {.timeout = kShort});
    rank.api.wait_for_call("revoke");  // on rank 1 too, which was told
    const auto text = text_thrown_by<TimeoutError>([&] {
      if (!work) work = c.all_reduce(on_gpu(values));
      work->wait();
    });
    EXPECT_THAT(text, AllOf(HasSubstr("all_reduce #2"), HasSubstr("runs on the GPU"), HasSubstr("missing rank 1.")));
  });
}

TEST(NcclHang, TheWatchdogTellsOfALostRankWhileTheHostWaitsForNothing) {
  FakeNcclWorld nccl;
  WatchedStore store;
  std::latch told(3);  // the lost rank's communicator is not destroyed: a dead rank says no goodbye
  run_nccl_ranks(nccl, store, 3, {.watchdog_period = kWatchdog}, [&](const NcclRank& rank) {
    rank.communicator.barrier();
    if (rank.rank == 2) {
      store.lose({.rank = 2, .node = "n7", .cause = "killed by signal 9"});
      return told.arrive_and_wait();
    }
    const auto start = std::chrono::steady_clock::now();
    rank.api.wait_for_call("revoke");
    EXPECT_LT(std::chrono::steady_clock::now() - start, 2s);
    const auto text = text_thrown_by<PeerLostError>([&] { rank.communicator.barrier(); });
    EXPECT_THAT(text, AllOf(HasSubstr("rank 2 on node n7"), HasSubstr("killed by signal 9")));
    told.arrive_and_wait();
  });
}

TEST(NcclHang, AnAsynchronousErrorOfOneRankReachesAll) {
  FakeNcclWorld nccl;
  WatchedStore store;
  run_nccl_ranks(nccl, store, 2, {.watchdog_period = kWatchdog}, [&](const NcclRank& rank) {
    rank.communicator.barrier();
    if (rank.rank == 0) rank.api.set_async_error(NcclResult::kRemoteError);
    rank.api.wait_for_call("revoke");
    const auto text = text_thrown_by<CommError>([&] { rank.communicator.barrier(); });
    EXPECT_THAT(text, HasSubstr("remote error"));
  });
}

TEST(NcclMismatch, OfNewCallsIsFoundBeforeDataIsMixed) {
  for (const auto watchdog : {kNoWatchdog, kWatchdog}) {
    FakeNcclWorld nccl;
    WatchedStore store;
    run_nccl_ranks(nccl, store, 3, {.watchdog_period = watchdog}, [&](const NcclRank& rank) {
      std::vector<float> values(rank.rank == 1 ? 5 : 4, 1.0F);
      const auto text = text_thrown_by<MismatchError>(
          [&] { rank.communicator.all_reduce(on_gpu(values), {.timeout = kPatience})->wait(); });
      EXPECT_THAT(text, AllOf(HasSubstr("rank 0, 2 called all_reduce #1 of 4 float32, sum"),
                              HasSubstr("rank 1 called all_reduce #1 of 5 float32, sum")));
      EXPECT_THAT(values, Each(1.0F));
    });
    EXPECT_EQ(nccl.mixed_operations(), 0);
  }
}

TEST(NcclMismatch, OfANewCallWithAKnownOneIsFoundOnBoth) {
  FakeNcclWorld nccl;
  WatchedStore store;
  run_nccl_ranks(nccl, store, 2, {.watchdog_period = kWatchdog}, [&](const NcclRank& rank) {
    std::vector<float> values(8, 1.0F);
    auto& c = rank.communicator;
    c.all_reduce(on_gpu(values))->wait();
    const auto buffer = rank.rank == 0 ? on_gpu(values) : on_gpu(values).slice(0, 7);
    const auto text = text_thrown_by<MismatchError>([&] { c.all_reduce(buffer, {.timeout = kPatience})->wait(); });
    EXPECT_THAT(text, AllOf(HasSubstr("#2 of 8 float32"), HasSubstr("#2 of 7 float32")));
  });
  EXPECT_EQ(nccl.mixed_operations(), 0);
}

TEST(NcclMismatch, OfTheOrderOfKnownCallsIsFoundByTheRunningHash) {
  FakeNcclWorld nccl;
  WatchedStore store;
  const NcclOptions options{.watchdog_period = kWatchdog, .agreement = NcclAgreement::kOff, .hash_every = 4};
  run_nccl_ranks(nccl, store, 2, options, [&](const NcclRank& rank) {
    std::vector<float> few(4, 1.0F);
    std::vector<float> many(8, 1.0F);
    auto& c = rank.communicator;
    c.all_reduce(on_gpu(few))->wait();
    c.all_reduce(on_gpu(many))->wait();
    const auto third = c.all_reduce(on_gpu(rank.rank == 0 ? few : many), {.timeout = kPatience});
    const auto fourth = c.all_reduce(on_gpu(rank.rank == 0 ? many : few), {.timeout = kPatience});
    const auto text = text_thrown_by<MismatchError>([&] { fourth->wait(); });
    EXPECT_THAT(text,
                AllOf(HasSubstr("rank 0 called all_reduce #3 of 4"), HasSubstr("rank 1 called all_reduce #3 of 8")));
    EXPECT_THROW(third->wait(), MismatchError);
  });
}

TEST(NcclMismatch, OfTheOrderOfKnownCallsIsFoundAtTheTimeout) {
  FakeNcclWorld nccl;
  WatchedStore store;
  run_nccl_ranks(nccl, store, 2, {.watchdog_period = kNoWatchdog, .hash_every = 0}, [&](const NcclRank& rank) {
    std::vector<float> few(4, 1.0F);
    std::vector<float> many(8, 1.0F);
    auto& c = rank.communicator;
    c.all_reduce(on_gpu(few))->wait();
    c.all_reduce(on_gpu(many))->wait();
    const auto work = c.all_reduce(on_gpu(rank.rank == 0 ? few : many), {.timeout = kShort});
    const auto text = text_thrown_by<MismatchError>([&] { work->wait(); });
    EXPECT_THAT(text,
                AllOf(HasSubstr("rank 0 called all_reduce #3 of 4"), HasSubstr("rank 1 called all_reduce #3 of 8")));
  });
}

TEST(NcclMismatch, OfThePartOfAllocatedMemoryIsFound) {
  FakeNcclWorld nccl;
  WatchedStore store;
  run_nccl_ranks(nccl, store, 2, {}, [&](const NcclRank& rank) {
    auto& c = rank.communicator;
    const auto memory = c.allocate(4096);
    const Buffer whole{memory->data(), 1024, Dtype::kFloat32, kGpu};
    c.all_reduce(whole.slice(0, 8), {.timeout = kPatience})->wait();
    const auto text = text_thrown_by<MismatchError>(
        [&] { c.all_reduce(whole.slice(rank.rank == 0 ? 0 : 16, 8), {.timeout = kPatience})->wait(); });
    EXPECT_THAT(text, AllOf(HasSubstr("allocate() 1 at byte 0"), HasSubstr("allocate() 1 at byte 64")));
  });
}

TEST(NcclMemory, BlocksInPlaceLieElsewhereOnEveryRankAndStillAgree) {
  FakeNcclWorld nccl;
  WatchedStore store;
  run_nccl_ranks(nccl, store, 3, {}, [&](const NcclRank& rank) {
    auto& c = rank.communicator;
    const auto memory = c.allocate(4096);
    const Buffer whole{memory->data(), 12, Dtype::kFloat32, kGpu};
    const auto own = whole.slice(4 * rank.rank, 4);
    auto* values = static_cast<float*>(memory->data());
    std::fill_n(values, 12, 1.0F);
    c.reduce_scatter(whole, own, {.timeout = kPatience})->wait();
    c.all_gather(own, whole, {.timeout = kPatience})->wait();
    EXPECT_THAT(std::vector<float>(values, values + 12), Each(3.0F));
  });
}

TEST(NcclAbort, ReachesEveryRankAndAnyThreadMayCallIt) {
  FakeNcclWorld nccl;
  WatchedStore store;
  run_nccl_ranks(nccl, store, 2, {.watchdog_period = kNoWatchdog}, [&](const NcclRank& rank) {
    auto& c = rank.communicator;
    c.barrier();
    std::vector<float> values(4, 1.0F);
    const auto work = rank.rank == 0 ? WorkPtr() : c.all_reduce(on_gpu(values), {.timeout = kPatience});
    std::jthread other;
    if (rank.rank == 0) other = std::jthread([&c] { c.abort("the disk is full"); });
    const auto text = text_thrown_by<CommError>([&] {
      if (work) work->wait();
      while (rank.rank == 0) c.barrier({.timeout = kPatience});
    });
    EXPECT_THAT(text, AllOf(HasSubstr("rank 0/2"), HasSubstr("the disk is full")));
  });
}

// After a failure, in the same process, over the survivors.

constexpr int kLost = 1;

// Ranks 0 and 2 lose rank 1 and go on as `go_on` says, with memory they had before.
void lose_rank_1(FakeNcclWorld& nccl, WatchedStore& store,
                 const std::function<std::unique_ptr<Communicator>(const NcclRank&)>& go_on) {
  std::latch done(3);
  run_nccl_ranks(nccl, store, 3, {.watchdog_period = kNoWatchdog}, [&](const NcclRank& rank) {
    const auto memory = rank.communicator.allocate(1024);
    rank.communicator.barrier();
    if (rank.rank == kLost) {
      store.lose({.rank = kLost, .node = "n1", .cause = "connection closed"});
      return done.arrive_and_wait();
    }
    const auto lost = text_thrown_by<PeerLostError>([&] { rank.communicator.barrier(); });
    EXPECT_THAT(lost, HasSubstr("rank 1 on node n1"));
    const auto rest = go_on(rank);
    EXPECT_NE(rest, nullptr);
    EXPECT_EQ(rest->size(), 2);
    EXPECT_EQ(rest->rank(), rank.rank / 2);
    auto* values = static_cast<float*>(memory->data());
    std::fill_n(values, 8, 1.0F);
    rest->all_reduce(Buffer{values, 8, Dtype::kFloat32, kGpu}, {.timeout = kPatience})->wait();
    EXPECT_THAT(std::vector<float>(values, values + 8), Each(2.0F));
    done.arrive_and_wait();
  });
}

TEST(NcclSurvivors, MakeANewCommunicator) {
  FakeNcclWorld nccl;
  WatchedStore store;
  lose_rank_1(nccl, store, [&](const NcclRank& rank) {
    return make_nccl_over(rank.shared_api, store,
                          {.rank = rank.rank / 2, .size = 2, .name = "second", .global_rank = rank.rank});
  });
}

TEST(NcclSurvivors, ShrinkTheOneTheyHad) {
  FakeNcclWorld nccl;
  WatchedStore store;
  lose_rank_1(nccl, store, [&](const NcclRank& rank) {
    auto rest = shrink_nccl(rank.communicator, {kLost}, kPatience);
    EXPECT_THAT(rank.api.calls(), Contains("shrink 1"));
    return rest;
  });
}

TEST(NcclSurvivors, CanLoseAnotherRankAfterwards) {
  FakeNcclWorld nccl;
  WatchedStore store;
  lose_rank_1(nccl, store, [&](const NcclRank& rank) {
    auto second = shrink_nccl(rank.communicator, {kLost}, kPatience);
    // The world's rank 2 is rank 1 of what is left, and dies too.
    if (rank.rank == 2) store.lose({.rank = 2, .node = "n2", .cause = "connection closed"});
    EXPECT_THAT(text_thrown_by<PeerLostError>([&] {
                  while (true) second->barrier({.timeout = kPatience});
                }),
                HasSubstr("rank 2 on node n2"));
    return make_nccl_over(rank.shared_api, store,
                          {.rank = rank.rank / 2, .size = 2, .name = "third", .global_rank = 10 + rank.rank});
  });
}

TEST(NcclSurvivors, CannotShrinkWhereNcclCannotOrBeforeAFailure) {
  FakeNcclWorld nccl;
  WatchedStore store;
  run_nccl_ranks(nccl, store, 2, {.watchdog_period = kNoWatchdog}, [&](const NcclRank& rank) {
    EXPECT_THROW((void)shrink_nccl(rank.communicator, {1 - rank.rank}), ConfigError);
    rank.api.can_shrink = false;
    rank.communicator.abort("enough");
    EXPECT_THROW(rank.communicator.barrier(), CommError);
    EXPECT_THROW((void)shrink_nccl(rank.communicator, {rank.rank}), ConfigError);
    EXPECT_EQ(shrink_nccl(rank.communicator, {1 - rank.rank}), nullptr);
  });
}

TEST(NcclSurvivors, AShrinkThatAnotherSurvivorDoesNotCallIsATimeout) {
  FakeNcclWorld nccl;
  WatchedStore store;
  run_nccl_ranks(nccl, store, 3, {.watchdog_period = kNoWatchdog}, [&](const NcclRank& rank) {
    rank.communicator.abort("enough");
    EXPECT_THROW(rank.communicator.barrier(), CommError);
    if (rank.rank != 0) return;
    const auto text = text_thrown_by<TimeoutError>([&] { (void)shrink_nccl(rank.communicator, {1}, kShort); });
    EXPECT_THAT(text, HasSubstr("did not call it"));
  });
}

}  // namespace
}  // namespace trireme::collectives::test
