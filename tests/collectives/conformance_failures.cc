#include <gmock/gmock.h>

#include <functional>
#include <string>
#include <thread>

#include "communicator_conformance.h"
#include "reference.h"
#include "support/thrown_text.h"
#include "trireme/base/error.h"

namespace trireme::collectives::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using trireme::test::text_thrown_by;

constexpr Timeout kShort = std::chrono::milliseconds(300);

// Waits until another rank has given up, without taking part in its collectives.
void wait_for_the_others_to_fail(Communicator& c, int tag) {
  std::uint8_t never = 0;
  EXPECT_THROW(c.receive(view(&never, 1), (c.rank() + 1) % c.size(), tag, {.timeout = kPatience})->wait(), CommError);
}

using Call = std::function<WorkPtr(Communicator&, Array&, Array&)>;

struct Disagreement {
  const char* what;
  Call by_rank_0;
  Call by_others;
  std::string side_of_rank_0;
  std::string side_of_others;
};

std::vector<Disagreement> disagreements() {
  const Call reference = [](Communicator& c, Array& a, Array&) {
    return c.all_reduce(a.slice(0, 100), {.timeout = kPatience});
  };
  return {
      {"count", [](Communicator& c, Array& a, Array&) { return c.all_reduce(a.slice(0, 99), {.timeout = kPatience}); },
       reference, "of 99 float32", "of 100 float32"},
      {"operation",
       [](Communicator& c, Array& a, Array&) { return c.broadcast(a.slice(0, 100), 0, {.timeout = kPatience}); },
       reference, "broadcast #1", "all_reduce #1"},
      {"reduction",
       [](Communicator& c, Array& a, Array&) {
         return c.all_reduce(a.slice(0, 100), {.op = ReduceOp::kMax, .timeout = kPatience});
       },
       reference, ", max", ", sum"},
      {"dtype", [](Communicator& c, Array&, Array& b) { return c.all_reduce(b.slice(0, 100), {.timeout = kPatience}); },
       reference, "int32", "float32"},
      {"root",
       [](Communicator& c, Array& a, Array&) { return c.broadcast(a.slice(0, 100), 0, {.timeout = kPatience}); },
       [](Communicator& c, Array& a, Array&) { return c.broadcast(a.slice(0, 100), 1, {.timeout = kPatience}); },
       "root 0", "root 1"},
  };
}

TEST_P(PeerConformance, DisagreementThrowsOnAllRanksShowsBothSidesAndTouchesNoData) {
  for (const auto& disagreement : disagreements()) {
    on_every_rank([&](Communicator& c) {
      SCOPED_TRACE(disagreement.what);
      auto floats = sample(Dtype::kFloat32, 100, c.rank());
      auto integers = sample(Dtype::kInt32, 100, c.rank());
      const auto& call = c.rank() == 0 ? disagreement.by_rank_0 : disagreement.by_others;
      const auto text = text_thrown_by<MismatchError>([&] { call(c, floats, integers)->wait(); });
      EXPECT_THAT(text, AllOf(HasSubstr(disagreement.side_of_rank_0), HasSubstr(disagreement.side_of_others)));
      EXPECT_EQ(floats, sample(Dtype::kFloat32, 100, c.rank()));
    });
  }
}

TEST_P(PeerConformance, AMessageOfAnotherSizeThanReceivedIsAMismatch) {
  on_every_rank([this](Communicator& c) {
    Array buffer(Dtype::kFloat32, 8);
    if (c.rank() == 0) (void)c.send(buffer.slice(0, 5), 1, tag(3), {.timeout = kPatience});
    if (c.rank() == 1) {
      const auto text = text_thrown_by<MismatchError>(
          [&] { c.receive(buffer.slice(0, 8), 0, tag(3), {.timeout = kPatience})->wait(); });
      EXPECT_THAT(text, AllOf(HasSubstr("of 5 float32"), HasSubstr("of 8 float32"),
                              HasSubstr(tag(3) == 3 ? "tag 3" : "tag 0")));
    } else {
      wait_for_the_others_to_fail(c, tag(99));
    }
  });
}

TEST_P(PeerConformance, ATimeoutNamesTheMissingRankAndWhereEverybodyStands) {
  on_every_rank([this](Communicator& c) {
    const int missing = c.size() - 1;
    auto buffer = sample(Dtype::kFloat32, 1000, c.rank());
    c.all_reduce(buffer.view(), {.timeout = kPatience})->wait();
    c.barrier({.timeout = kPatience});
    if (c.rank() == missing) return wait_for_the_others_to_fail(c, tag(99));
    const auto text = text_thrown_by<TimeoutError>([&] { c.all_reduce(buffer.view(), {.timeout = kShort})->wait(); });
    EXPECT_THAT(text, HasSubstr("missing rank " + std::to_string(missing) + "."));
    EXPECT_THAT(text, HasSubstr("all_reduce #3 of 1000 float32, sum (4000 bytes)"));
    EXPECT_THAT(text, HasSubstr("barrier #2"));
  });
}

TEST_P(PeerConformance, ATimeoutOfAReceiveNamesTheSender) {
  on_every_rank([this](Communicator& c) {
    Array buffer(Dtype::kFloat32, 8);
    if (c.rank() != 0) return wait_for_the_others_to_fail(c, tag(99));
    const auto text =
        text_thrown_by<TimeoutError>([&] { c.receive(buffer.view(), 1, tag(3), {.timeout = kShort})->wait(); });
    EXPECT_THAT(text, AllOf(HasSubstr("receive #1 of 8 float32, peer 1"), HasSubstr("missing rank 1.")));
  });
}

TEST_P(PeerConformance, AbortReachesEveryRankThatWaits) {
  on_every_rank([this](Communicator& c) {
    Array buffer(Dtype::kFloat32, 8);
    if (c.rank() == 0) c.abort("the disk is full");
    const auto text =
        text_thrown_by<CommError>([&] { c.receive(buffer.view(), 0, tag(3), {.timeout = kPatience})->wait(); });
    EXPECT_THAT(text, AllOf(HasSubstr("rank 0/"), HasSubstr("the disk is full")));
  });
}

TEST_P(PeerConformance, AbortFromAnotherThreadEndsAWait) {
  on_every_rank([this](Communicator& c) {
    Array buffer(Dtype::kFloat32, 8);
    std::jthread other;
    if (c.rank() == 0) other = std::jthread([&c] { c.abort("the user pressed Ctrl-C"); });
    const int peer = (c.rank() + 1) % c.size();
    const auto text =
        text_thrown_by<CommError>([&] { c.receive(buffer.view(), peer, tag(3), {.timeout = kPatience})->wait(); });
    EXPECT_THAT(text, HasSubstr("Ctrl-C"));
  });
}

TEST_P(CommunicatorConformance, PendingWorkFailsWhenItsCommunicatorGoes) {
  on_every_rank([](Communicator& c) {
    Array buffer(Dtype::kFloat32, 8);
    auto alone = c.split(c.rank(), 0);
    const auto work = alone->receive(buffer.view(), 0, 0);
    alone.reset();
    EXPECT_TRUE(work->done());
    EXPECT_THROW(work->wait(), CommError);
  });
}

TEST_P(PeerConformance, AfterAFailureEveryPendingAndLaterOperationFails) {
  on_every_rank([this](Communicator& c) {
    Array buffer(Dtype::kFloat32, 8);
    Array other(Dtype::kFloat32, 8);
    const auto aside = c.split(0, c.rank());
    const auto first = c.receive(buffer.view(), 0, tag(3), {.timeout = kPatience});
    const auto second = c.receive(other.view(), 1, tag(3), {.timeout = kPatience});
    aside->barrier({.timeout = kPatience});  // All have both pending.
    if (c.rank() == 0) c.abort("enough");
    EXPECT_THROW(first->wait(), CommError);
    EXPECT_TRUE(second->done());
    EXPECT_NE(second->error(), nullptr);
    EXPECT_THROW(second->wait(), CommError);
    const auto text = text_thrown_by<CommError>([&] { (void)c.all_reduce(buffer.view()); });
    EXPECT_THAT(text, AllOf(HasSubstr("the communicator is dead"), HasSubstr("enough")));
    EXPECT_THROW(c.barrier(), CommError);
    EXPECT_THROW((void)c.split(0, 0), CommError);
    EXPECT_THROW((void)c.allocate(1), CommError);
    c.abort("once more does no harm");
  });
}

}  // namespace
}  // namespace trireme::collectives::test
