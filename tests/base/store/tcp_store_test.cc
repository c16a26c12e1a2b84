#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "support/thread_ranks.h"
#include "trireme/base/error.h"
#include "trireme/base/store.h"

namespace trireme {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::unique_ptr<TcpStore> connect(const TcpStoreServer& server, int rank = -1) {
  return std::make_unique<TcpStore>(TcpStore::Options{.port = server.port(), .rank = rank, .node = "node"});
}

// Waits on the counter that wait loops of collectives poll.
void wait_for_news(const Store& store, std::uint64_t seen = 0) {
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  while (store.lost_generation() == seen && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  ASSERT_NE(store.lost_generation(), seen);
}

template <typename Body>
std::string error_of(const Body& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(TcpStore, ServesManyClientsAtOnce) {
  const TcpStoreServer server({});
  constexpr int kRanks = 12;
  test::run_thread_ranks(kRanks, [&](const test::ThreadRank& me) {
    const auto store = connect(server, me.rank);
    store->set("address/" + std::to_string(me.rank), std::string(1000, static_cast<char>('a' + me.rank)));
    for (int peer = 0; peer < kRanks; ++peer) {
      const auto address = store->get("address/" + std::to_string(peer), 30s);
      if (address != std::string(1000, static_cast<char>('a' + peer))) throw Error("wrong address");
    }
    for (int i = 0; i < 20; ++i) store->add("arrived", 1);
    // Nobody may say goodbye while others still wait for its keys: a goodbye takes no keys away.
  });
  EXPECT_EQ(connect(server)->add("arrived", 0), kRanks * 20);
  EXPECT_THAT(server.lost(), IsEmpty());
}

TEST(TcpStore, LetsThreadsOfOneClientWaitSideBySide) {
  const TcpStoreServer server({});
  const auto store = connect(server);
  std::atomic<int> answered = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i) {
      threads.emplace_back([&, i] { answered += std::stoi(store->get("key" + std::to_string(i), 30s)); });
    }
    for (int i = 7; i >= 0; --i) store->set("key" + std::to_string(i), std::to_string(i));
  }
  EXPECT_EQ(answered, 28);
}

TEST(TcpStore, TimeoutNamesTheServer) {
  const TcpStoreServer server({});
  EXPECT_THAT(error_of([&] { connect(server)->get("absent", 10ms); }),
              HasSubstr("127.0.0.1:" + std::to_string(server.port())));
}

TEST(TcpStore, TakesHostNames) {
  const TcpStoreServer server({.host = "localhost"});
  TcpStore store({.host = "localhost", .port = server.port()});
  EXPECT_EQ(store.add("counter", 1), 1);
}

TEST(TcpStore, RetriesUntilTheServerIsThere) {
  std::optional<TcpStoreServer> server(std::in_place, TcpStoreServer::Options{});
  const auto port = server->port();
  server.reset();
  std::jthread client([&] { TcpStore({.port = port}).set("key", "value"); });
  server.emplace(TcpStoreServer::Options{.port = port});
  client.join();
  EXPECT_EQ(connect(*server)->get("key", 5s), "value");
}

TEST(TcpStore, SaysWhereNobodyAnswered) {
  std::optional<TcpStoreServer> server(std::in_place, TcpStoreServer::Options{});
  const auto port = server->port();
  server.reset();
  const TcpStore::Options options{.port = port, .connect_timeout = 50ms};
  EXPECT_THROW(TcpStore{options}, TimeoutError);
  const auto error = error_of([&] { TcpStore{options}; });
  EXPECT_THAT(error, HasSubstr("127.0.0.1:" + std::to_string(port)));
  EXPECT_THAT(error, HasSubstr("Connection refused"));
}

TEST(TcpStore, SaysThatAHostDoesNotResolve) {
  const TcpStore::Options options{.host = "no-such-host.invalid", .port = 1, .connect_timeout = 1ms};
  EXPECT_THAT(error_of([&] { TcpStore{options}; }), HasSubstr("'no-such-host.invalid' does not resolve"));
}

TEST(TcpStore, RefusesTheSameRankTwice) {
  const TcpStoreServer server({});
  const auto first = connect(server, 3);
  EXPECT_THROW(connect(server, 3), ConfigError);
  EXPECT_THAT(error_of([&] { connect(server, 3); }), HasSubstr("rank 3 is already connected from node 'node'"));
  EXPECT_THAT(server.lost(), IsEmpty());
}

TEST(TcpStore, LeavingOnPurposeIsNotBeingLost) {
  const TcpStoreServer server({});
  const auto watcher = connect(server, 0);
  for (int round = 0; round < 20; ++round) connect(server, 1)->add("counter", 1);
  EXPECT_EQ(watcher->add("counter", 0), 20);
  EXPECT_THAT(watcher->lost(), IsEmpty());
  EXPECT_THAT(server.lost(), IsEmpty());
}

TEST(TcpStore, IsToldOfReportedLosses) {
  TcpStoreServer server({});
  const auto store = connect(server, 0);
  const LostRank lost{.rank = 2, .node = "node1", .cause = "killed by signal 9"};
  server.report_lost(lost);
  wait_for_news(*store);
  EXPECT_THAT(store->lost(), ElementsAre(lost));
  EXPECT_THAT(server.lost(), ElementsAre(lost));
}

TEST(TcpStore, PassesReportsOnToOtherClients) {
  const TcpStoreServer server({});
  const auto agent = connect(server);
  const auto rank = connect(server, 0);
  agent->report_lost({.rank = 2, .node = "node1", .cause = "exited with 3"});
  wait_for_news(*rank);
  EXPECT_THAT(rank->lost(), ElementsAre(LostRank{.rank = 2, .node = "node1", .cause = "exited with 3"}));
  const PrefixStore group(*rank, "group");
  EXPECT_EQ(group.lost(), rank->lost());
}

TEST(TcpStore, SaysThatTheServerStopped) {
  std::optional<TcpStoreServer> server(std::in_place, TcpStoreServer::Options{});
  const auto store = connect(*server, 0);
  std::string error;
  {
    std::jthread waiter([&] { error = error_of([&] { store->get("never", 30s); }); });
    store->set("ready", "");
    server.reset();
  }
  EXPECT_THAT(error, HasSubstr("was stopped"));
  EXPECT_THROW(store->set("key", "value"), CommError);
  EXPECT_THROW(static_cast<void>(store->try_get("key")), CommError);
  EXPECT_EQ(store->lost_generation(), 0U) << "a server that stops on purpose loses nobody";
}

TEST(TcpStoreServer, SaysThatThePortIsTaken) {
  const TcpStoreServer first({});
  const auto error = error_of([&] { TcpStoreServer second({.port = first.port()}); });
  EXPECT_THAT(error, HasSubstr("127.0.0.1:" + std::to_string(first.port())));
  EXPECT_THAT(error, HasSubstr("in use"));
  EXPECT_THROW(TcpStoreServer({.port = first.port()}), ConfigError);
}

TEST(TcpStoreServer, SaysThatAnAddressIsNotOurs) {
  EXPECT_THROW(TcpStoreServer({.host = "192.0.2.1"}), ConfigError);
  EXPECT_THROW(TcpStoreServer({.host = "no-such-host.invalid"}), ConfigError);
}

}  // namespace
}  // namespace trireme
