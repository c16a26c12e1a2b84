#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "reference.h"
#include "support/process_ranks.h"
#include "support/thread_ranks.h"
#include "support/thrown_text.h"
#include "trireme/base/error.h"
#include "trireme/collectives/shm.h"
#include "trireme/collectives/tcp.h"

// What shm and tcp promise alike: how groups form, who is named when they do not, and what the others see of a peer
// that leaves or dies.
namespace trireme::collectives::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using trireme::test::ProcessRank;
using trireme::test::ProcessRanks;
using trireme::test::run_thread_ranks;
using trireme::test::text_thrown_by;
using trireme::test::ThreadRank;

// The options that both have.
struct GroupOptions {
  int rank = 0;
  int size = 1;
  std::string name = "world";
  Timeout timeout = kDefaultTimeout;
  int global_rank = -1;
};

struct Backend {
  std::string name;
  std::string group_g;  // what errors call a group of the name g
  std::unique_ptr<Communicator> (*make)(Store&, const GroupOptions&);
};
void PrintTo(const Backend& backend, std::ostream* out) { *out << backend.name; }

const Backend kShm{
    "shm", "'shm/g'", [](Store& store, const GroupOptions& o) {
      return make_shm(
          store, {.rank = o.rank, .size = o.size, .name = o.name, .timeout = o.timeout, .global_rank = o.global_rank});
    }};
const Backend kTcp{
    "tcp", "tcp group 'g'", [](Store& store, const GroupOptions& o) {
      return make_tcp(
          store, {.rank = o.rank, .size = o.size, .name = o.name, .timeout = o.timeout, .global_rank = o.global_rank});
    }};

class Group : public testing::TestWithParam<Backend> {
 protected:
  [[nodiscard]] static std::unique_ptr<Communicator> make(Store& store, const GroupOptions& options) {
    return GetParam().make(store, options);
  }
};

class GroupOfProcesses : public Group {};

TEST_P(Group, TimesOutNamingTheRanksThatDoNotCome) {
  InMemoryStore store;
  const auto text = text_thrown_by<TimeoutError>(
      [&] { (void)make(store, {.rank = 0, .size = 3, .name = "g", .timeout = milliseconds(50)}); });
  EXPECT_THAT(text, AllOf(HasSubstr(GetParam().group_g + " of 3 ranks"), HasSubstr("rank 1, 2 did not arrive")));
  const auto other = text_thrown_by<TimeoutError>(
      [&] { (void)make(store, {.rank = 1, .size = 3, .name = "h", .timeout = milliseconds(50)}); });
  EXPECT_THAT(other, ContainsRegex("rank 0(, 2)? did not arrive"));
}

TEST_P(Group, TellsThoseWhoCameWhoDidNot) {
  run_thread_ranks(2, [](const ThreadRank& rank) {
    const Timeout timeout = rank.rank == 0 ? milliseconds(500) : seconds(30);
    const auto text = text_thrown_by<TimeoutError>(
        [&] { (void)make(rank.store, {.rank = rank.rank, .size = 3, .timeout = timeout}); });
    EXPECT_THAT(text, HasSubstr("rank 2 did not arrive"));
  });
}

TEST_P(Group, RejectsARankOutsideItsSize) {
  InMemoryStore store;
  EXPECT_THROW((void)make(store, {.rank = 2, .size = 2}), ConfigError);
  EXPECT_THROW((void)make(store, {.rank = -1, .size = 2}), ConfigError);
}

TEST_P(Group, APeerThatDestroyedItsCommunicatorFailsThoseWhoWaitForIt) {
  run_thread_ranks(3, [](const ThreadRank& rank) {
    auto c = make(rank.store, {.rank = rank.rank, .size = 3});
    c->barrier();
    if (rank.rank == 1) return;
    const auto text = text_thrown_by<CommError>([&] { c->barrier({.timeout = seconds(30)}); });
    EXPECT_THAT(text, HasSubstr("rank 1/3 has destroyed its communicator"));
  });
}

TEST_P(Group, CanBeAbortedAndMadeAnewUnderAnotherName) {
  constexpr std::int64_t kCount = 300'000;
  run_thread_ranks(3, [](const ThreadRank& rank) {
    auto first = make(rank.store, {.rank = rank.rank, .size = 3, .name = "first"});
    auto buffer = sample(Dtype::kFloat32, kCount, rank.rank);
    if (rank.rank == 2) first->abort("leaving");
    EXPECT_THROW(first->all_reduce(buffer.view(), {.timeout = seconds(30)})->wait(), CommError);
    if (rank.rank == 2) return;
    const auto second = make(rank.store, {.rank = rank.rank, .size = 2, .name = "second"});
    buffer = sample(Dtype::kFloat32, kCount, rank.rank);
    second->all_reduce(buffer.view(), {.timeout = seconds(30)})->wait();
    EXPECT_EQ(buffer, reduced_samples(Dtype::kFloat32, kCount, 2, ReduceOp::kSum));
  });
}

// A rank that reduces until its peers fail, and reports the error and how it stands.
int reduce_until_peers_fail(const ProcessRank& rank, const Backend& backend, Store& store) {
  const auto c = backend.make(store, {.rank = rank.rank(), .size = rank.size()});
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

TEST_P(GroupOfProcesses, EverySurvivorOfAKilledRankNamesItWithinTwoSeconds) {
  for (const int ranks : {2, 3, 4}) {
    expect_survivors_to_name(
        ranks,
        [](const ProcessRank& rank) {
          const auto store = rank.connect();
          return reduce_until_peers_fail(rank, GetParam(), *store);
        },
        "on node node is lost: connection closed");
  }
}

TEST(TcpGroupOfProcesses, ADeathOfWhichTheStoreKnowsNothingIsNamedFromItsConnections) {
  expect_survivors_to_name(
      3,
      [](const ProcessRank& rank) {
        TcpStore store({.port = rank.store_port()});
        return reduce_until_peers_fail(rank, kTcp, store);
      },
      "its connection ended without a goodbye");
}

TEST_P(GroupOfProcesses, SurvivorsFormANewGroupInTheSameProcesses) {
  constexpr std::int64_t kCount = 200'000;
  ProcessRanks world({.size = 3}, [](const ProcessRank& rank) {
    const auto store = rank.connect();
    auto first = make(*store, {.rank = rank.rank(), .size = 3, .name = "first"});
    rank.report("started");
    if (rank.rank() == 1) first->receive(Array(Dtype::kUint8, 1).view(), 0, 0)->wait();
    auto buffer = sample(Dtype::kFloat32, kCount, 0);
    EXPECT_THROW(first->all_reduce(buffer.view())->wait(), PeerLostError);
    first->abort("a rank is lost");
    const int place = rank.rank() / 2;
    const auto second = make(*store, {.rank = place, .size = 2, .name = "second", .global_rank = rank.rank()});
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

std::string name_of(const testing::TestParamInfo<Backend>& info) { return info.param.name; }
INSTANTIATE_TEST_SUITE_P(Backends, Group, testing::Values(kShm, kTcp), name_of);
INSTANTIATE_TEST_SUITE_P(Backends, GroupOfProcesses, testing::Values(kShm, kTcp), name_of);

}  // namespace
}  // namespace trireme::collectives::test
