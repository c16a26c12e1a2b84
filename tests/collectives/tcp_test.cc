#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "reference.h"
#include "support/process_ranks.h"
#include "support/thread_ranks.h"
#include "tcp/frame.h"
#include "trireme/base/error.h"
#include "trireme/base/tcp_socket.h"
#include "trireme/collectives/tcp.h"

// What only the tcp backend promises: how groups form, who is let in, and what the others see of a dead peer.
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

template <typename E, typename Call>
std::string text_thrown_by(Call&& call) {
  try {
    call();
  } catch (const E& error) {
    return error.what();
  }
  return "threw nothing";
}

TEST(TcpGroup, TimesOutNamingTheRanksThatDoNotCome) {
  InMemoryStore store;
  const auto text = text_thrown_by<TimeoutError>(
      [&] { (void)make_tcp(store, {.rank = 0, .size = 3, .name = "g", .timeout = milliseconds(50)}); });
  EXPECT_THAT(text, AllOf(HasSubstr("tcp group 'g' of 3 ranks"), HasSubstr("rank 1, 2 did not arrive")));
  const auto other = text_thrown_by<TimeoutError>(
      [&] { (void)make_tcp(store, {.rank = 1, .size = 3, .name = "h", .timeout = milliseconds(50)}); });
  EXPECT_THAT(other, HasSubstr("rank 0, 2 did not arrive"));
}

TEST(TcpGroup, TimesOutNamingTheRankThatCannotBeReached) {
  const auto closed = [] { return listen_tcp("test", "127.0.0.1", 0).port; }();
  InMemoryStore store;
  store.set("tcp/world/token", "0123456789abcdef");
  store.set("tcp/world/rank0", "127.0.0.1 " + std::to_string(closed) + " 0");
  const auto text =
      text_thrown_by<TimeoutError>([&] { (void)make_tcp(store, {.rank = 1, .size = 2, .timeout = milliseconds(50)}); });
  EXPECT_THAT(text, HasSubstr("rank 0 is there, but does not answer at 127.0.0.1"));
}

TEST(TcpGroup, TellsThoseWhoCameWhoDidNot) {
  run_thread_ranks(2, [](const ThreadRank& rank) {
    const TcpOptions options{.rank = rank.rank, .size = 3, .timeout = rank.rank == 0 ? milliseconds(500) : seconds(30)};
    const auto text = text_thrown_by<TimeoutError>([&] { (void)make_tcp(rank.store, options); });
    EXPECT_THAT(text, HasSubstr("rank 2 did not arrive"));
  });
}

TEST(TcpGroup, RejectsOptionsThatCannotBe) {
  InMemoryStore store;
  EXPECT_THROW((void)make_tcp(store, {.rank = 2, .size = 2}), ConfigError);
  EXPECT_THROW((void)make_tcp(store, {.rank = -1, .size = 2}), ConfigError);
  EXPECT_THROW((void)make_tcp(store, {.connections = 0}), ConfigError);
  EXPECT_THROW((void)make_tcp(store, {.host = "0.0.0.0"}), ConfigError);
  EXPECT_THROW((void)make_tcp(store, {.first_port = 9, .last_port = 8}), ConfigError);
  const auto text = text_thrown_by<ConfigError>([&] { (void)make_tcp(store, {.interface = "wlan77"}); });
  EXPECT_THAT(text, HasSubstr("no network interface 'wlan77'"));
}

TEST(TcpGroup, ListensInAPortRangeAndSaysWhenItIsFull) {
  const auto taken = listen_tcp("test", "127.0.0.1", 0);
  InMemoryStore store;
  const auto text = text_thrown_by<ConfigError>(
      [&] { (void)make_tcp(store, {.name = "g", .first_port = taken.port, .last_port = taken.port}); });
  EXPECT_THAT(text, AllOf(HasSubstr("tcp group 'g': cannot listen on 127.0.0.1:" + std::to_string(taken.port))));
  const auto c = make_tcp(
      store, {.first_port = taken.port, .last_port = static_cast<std::uint16_t>(taken.port + 50), .connections = 1});
  EXPECT_EQ(c->size(), 1);
}

TEST(TcpGroup, ListensOnTheInterfaceThatWasNamed) {
  run_thread_ranks(2, [](const ThreadRank& rank) {
    const auto c = make_tcp(rank.store, {.rank = rank.rank, .size = 2, .interface = "lo"});
    c->barrier();
  });
}

TEST(TcpGroup, LeavesNoKeyInTheStore) {
  run_thread_ranks(2, [](const ThreadRank& rank) {
    const auto c = make_tcp(rank.store, {.rank = rank.rank, .size = 2, .name = "g"});
    c->barrier();
    EXPECT_EQ(rank.store.try_get("tcp/g/token"), std::nullopt);
    EXPECT_EQ(rank.store.try_get("tcp/g/rank" + std::to_string(rank.rank)), std::nullopt);
  });
}

// Connections of nobody to the port of rank 0, with what they have sent; open until destruction.
std::vector<UniqueFd> intrude(Store& store, const std::vector<std::string>& all_bytes) {
  const auto address = store.get("tcp/world/rank0", seconds(30));
  const auto port = static_cast<std::uint16_t>(std::stoi(address.substr(address.find(' ') + 1)));
  std::vector<UniqueFd> connections;
  for (const auto& bytes : all_bytes) {
    std::string error;
    auto socket = connect_tcp("127.0.0.1", port, std::chrono::steady_clock::now() + seconds(30), error);
    EXPECT_TRUE(socket) << error;
    (void)!::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    connections.push_back(std::move(socket));
  }
  return connections;
}

TEST(TcpGroup, StrangersOnThePortDisturbNobody) {
  const auto forged = encode(Hello{.token = {1, 2, 3}, .rank = 1, .connection = 0, .global_rank = 1});
  const std::string hello(reinterpret_cast<const char*>(forged.data()), forged.size());
  InMemoryStore store;
  std::jthread first([&] {
    const auto c = make_tcp(store, {.rank = 0, .size = 2, .timeout = seconds(30)});
    c->barrier({.timeout = seconds(30)});
  });
  const auto connections = intrude(
      store, {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", std::string(100'000, '\xff'), "", hello.substr(0, 9), hello});
  const auto c = make_tcp(store, {.rank = 1, .size = 2, .timeout = seconds(30)});
  c->barrier({.timeout = seconds(30)});
}

TEST(TcpGroup, APeerThatDestroyedItsCommunicatorFailsThoseWhoWaitForIt) {
  run_thread_ranks(3, [](const ThreadRank& rank) {
    auto c = make_tcp(rank.store, {.rank = rank.rank, .size = 3});
    c->barrier();
    if (rank.rank == 1) return;
    const auto text = text_thrown_by<CommError>([&] { c->barrier({.timeout = seconds(30)}); });
    EXPECT_THAT(text, HasSubstr("rank 1/3 has destroyed its communicator"));
  });
}

TEST(TcpGroup, WhatARankSentBeforeItLeftArrives) {
  constexpr std::int64_t kCount = 3'000'000;
  run_thread_ranks(2, [](const ThreadRank& rank) {
    auto c = make_tcp(rank.store, {.rank = rank.rank, .size = 2});
    Array buffer = sample(Dtype::kFloat32, kCount, 0);
    if (rank.rank == 0) return c->send(buffer.view(), 1, 0, {.timeout = seconds(30)})->wait();
    Array received(Dtype::kFloat32, kCount);
    c->receive(received.view(), 0, 0, {.timeout = seconds(30)})->wait();
    EXPECT_EQ(received, buffer);
  });
}

TEST(TcpGroup, AbortFromAnotherThreadEndsAWait) {
  run_thread_ranks(2, [](const ThreadRank& rank) {
    const auto c = make_tcp(rank.store, {.rank = rank.rank, .size = 2});
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

TEST(TcpGroup, PendingWorkFailsWhenItsCommunicatorGoes) {
  InMemoryStore store;
  float value = 0;
  auto c = make_tcp(store, {.rank = 0, .size = 1});
  const auto work = c->receive(view(&value, 1), 0, 0);
  c.reset();
  EXPECT_TRUE(work->done());
  EXPECT_THROW(work->wait(), CommError);
}

TEST(TcpGroup, AMessageThatComesEarlyWaitsForItsReceiver) {
  run_thread_ranks(2, [](const ThreadRank& rank) {
    const auto c = make_tcp(rank.store, {.rank = rank.rank, .size = 2});
    const std::int64_t count = 500'000;
    auto large = sample(Dtype::kInt32, count, 0);
    std::int32_t small = 7;
    if (rank.rank == 0) {
      const auto first = c->send(large.view(), 1, 1, {.timeout = seconds(30)});
      const auto second = c->send(view(&small, 1), 1, 2, {.timeout = seconds(30)});
      first->wait();
      return second->wait();
    }
    Array received(Dtype::kInt32, count);
    small = 0;
    const auto later = c->receive(view(&small, 1), 0, 2, {.timeout = seconds(30)});
    EXPECT_FALSE(later->done() && small != 7);
    c->receive(received.view(), 0, 1, {.timeout = seconds(30)})->wait();
    later->wait();
    EXPECT_EQ(received, large);
    EXPECT_EQ(small, 7);
  });
}

TEST(TcpGroup, AFailedGroupCanBeAbortedAndMadeAnewUnderAnotherName) {
  run_thread_ranks(3, [](const ThreadRank& rank) {
    auto first = make_tcp(rank.store, {.rank = rank.rank, .size = 3, .name = "first"});
    auto buffer = sample(Dtype::kFloat32, 300'000, rank.rank);
    if (rank.rank == 2) first->abort("leaving");
    EXPECT_THROW(first->all_reduce(buffer.view(), {.timeout = seconds(30)})->wait(), CommError);
    if (rank.rank == 2) return;
    const auto second = make_tcp(rank.store, {.rank = rank.rank, .size = 2, .name = "second"});
    buffer = sample(Dtype::kFloat32, 300'000, rank.rank);
    second->all_reduce(buffer.view(), {.timeout = seconds(30)})->wait();
    EXPECT_EQ(buffer, reduced_samples(Dtype::kFloat32, 300'000, 2, ReduceOp::kSum));
  });
}

// A rank that reduces until its peers fail, and reports the error and how it stands.
int reduce_until_peers_fail(const ProcessRank& rank, Store& store) {
  const auto c = make_tcp(store, {.rank = rank.rank(), .size = rank.size()});
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

void expect_survivors_to_name(int ranks, const ProcessRanks::Body& body, const std::string& cause) {
  ProcessRanks world({.size = ranks}, body);
  const int victim = ranks / 2;
  for (int rank = 0; rank < ranks; ++rank) ASSERT_TRUE(world.wait_for_report(rank, "started"));
  const auto killed = std::chrono::steady_clock::now();
  world.signal(victim, SIGKILL);
  const auto results = world.wait();
  EXPECT_LT(std::chrono::steady_clock::now() - killed, seconds(2));
  for (int rank = 0; rank < ranks; ++rank) {
    if (rank == victim) continue;
    const auto name = std::to_string(victim);
    EXPECT_THAT(results[rank].report, AllOf(HasSubstr("lost " + name + ": rank " + name + " on "), HasSubstr(cause)));
    EXPECT_EQ(results[rank].exit_code, 0);
  }
}

TEST(TcpGroup, EverySurvivorOfAKilledRankNamesItWithinTwoSeconds) {
  for (const int ranks : {2, 3, 4}) {
    expect_survivors_to_name(
        ranks,
        [](const ProcessRank& rank) {
          const auto store = rank.connect();
          return reduce_until_peers_fail(rank, *store);
        },
        "on node node is lost: connection closed");
  }
}

TEST(TcpGroup, ADeathOfWhichTheStoreKnowsNothingIsNamedFromItsConnections) {
  expect_survivors_to_name(
      3,
      [](const ProcessRank& rank) {
        TcpStore store({.port = rank.store_port()});
        return reduce_until_peers_fail(rank, store);
      },
      "its connection ended without a goodbye");
}

TEST(TcpGroup, ADeathWhileTheGroupFormsIsNamed) {
  ProcessRanks world({.size = 3}, [](const ProcessRank& rank) {
    const auto store = rank.connect();
    if (rank.rank() == 2) {
      rank.report("here");
      store->get("never", seconds(60));
    }
    const auto text = text_thrown_by<PeerLostError>(
        [&] { (void)make_tcp(*store, {.rank = rank.rank(), .size = 3, .timeout = seconds(30)}); });
    rank.report(text);
    return 0;
  });
  ASSERT_TRUE(world.wait_for_report(2, "here"));
  world.signal(2, SIGKILL);
  const auto results = world.wait();
  for (const int rank : {0, 1}) EXPECT_THAT(results[rank].report, HasSubstr("rank 2 on node node is lost"));
}

TEST(TcpGroup, SurvivorsFormANewGroupInTheSameProcesses) {
  constexpr std::int64_t kCount = 200'000;
  ProcessRanks world({.size = 3}, [](const ProcessRank& rank) {
    const auto store = rank.connect();
    auto first = make_tcp(*store, {.rank = rank.rank(), .size = 3, .name = "first"});
    rank.report("started");
    if (rank.rank() == 1) first->receive(Array(Dtype::kUint8, 1).view(), 0, 0)->wait();
    auto buffer = sample(Dtype::kFloat32, kCount, 0);
    EXPECT_THROW(first->all_reduce(buffer.view())->wait(), PeerLostError);
    first->abort("a rank is lost");
    const int place = rank.rank() / 2;
    const auto second = make_tcp(*store, {.rank = place, .size = 2, .name = "second", .global_rank = rank.rank()});
    buffer = sample(Dtype::kFloat32, kCount, place);
    second->all_reduce(buffer.view(), {.timeout = seconds(30)})->wait();
    EXPECT_EQ(buffer, reduced_samples(Dtype::kFloat32, kCount, 2, ReduceOp::kSum));
    return testing::Test::HasFailure() ? 1 : 0;
  });
  for (int rank = 0; rank < 3; ++rank) ASSERT_TRUE(world.wait_for_report(rank, "started"));
  world.signal(1, SIGKILL);
  const auto results = world.wait();
  EXPECT_EQ(results[0].exit_code, 0) << results[0].report;
  EXPECT_EQ(results[2].exit_code, 0) << results[2].report;
}

}  // namespace
}  // namespace trireme::collectives::test
