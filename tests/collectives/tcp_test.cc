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
#include "support/thrown_text.h"
#include "tcp/frame.h"
#include "trireme/base/error.h"
#include "trireme/base/tcp_socket.h"
#include "trireme/collectives/tcp.h"

// What only the tcp backend promises: where it listens, who is let in, and who is named that dies while a group forms.
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

TEST(TcpGroup, TimesOutNamingTheRankThatCannotBeReached) {
  const auto closed = [] { return listen_tcp("test", "127.0.0.1", 0).port; }();
  InMemoryStore store;
  store.set("tcp/world/token", "0123456789abcdef");
  store.set("tcp/world/rank0", "127.0.0.1 " + std::to_string(closed) + " 0");
  const auto text =
      text_thrown_by<TimeoutError>([&] { (void)make_tcp(store, {.rank = 1, .size = 2, .timeout = milliseconds(50)}); });
  EXPECT_THAT(text, HasSubstr("rank 0 is there, but does not answer at 127.0.0.1"));
}

TEST(TcpGroup, RejectsOptionsThatCannotBe) {
  InMemoryStore store;
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

TEST(TcpGroupOfProcesses, ADeathWhileTheGroupFormsIsNamed) {
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

}  // namespace
}  // namespace trireme::collectives::test
