// Tasks that fail, workers that die of them, and data that cannot be made again.
#include <gmock/gmock.h>

#include "launcher/dask/tasks/small_cluster.h"

namespace trireme::launcher::dask {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class DaskTaskFailures : public SmallCluster {};

TEST_F(DaskTaskFailures, SpreadTheFirstFailureToAllThatNeedIt) {
  join("w1");
  submit("alice", {{"a"}, {"b", {"a"}}, {"c", {"b"}}}, {"a", "b", "c"});
  EXPECT_THAT(err("w1", "a", "boom"),
              UnorderedElementsAre("erred alice a: boom", "erred alice b: boom", "erred alice c: boom", "free w1 a"));
  EXPECT_EQ(scheduler_.failure_of(text_key("c")).first.header.view(), "boom");
}

TEST_F(DaskTaskFailures, ReachGraphsThatComeLater) {
  join("w1");
  submit("alice", {{"a"}}, {"a"});
  err("w1", "a", "boom");
  EXPECT_THAT(submit("bob", {{"b", {"a"}}}, {"b"}), ElementsAre("erred bob b: boom"));
}

TEST_F(DaskTaskFailures, AreForgottenWhenNobodyWantsThem) {
  join("w1");
  submit("alice", {{"a"}, {"b", {"a"}}}, {"b"});
  err("w1", "a", "boom");
  release("alice", {"b"});
  EXPECT_EQ(known(), 0U);
}

TEST_F(DaskTaskFailures, AreRetriedAsOftenAsTheTaskAllows) {
  join("w1");
  Annotations twice;
  twice.retries = 2;
  submit("alice", {{"a", {}, twice}}, {"a"});
  EXPECT_THAT(err("w1", "a", "boom"), ElementsAre("free w1 a", "compute w1 a"));
  EXPECT_THAT(err("w1", "a", "boom"), ElementsAre("free w1 a", "compute w1 a"));
  EXPECT_THAT(err("w1", "a", "boom"), ElementsAre("erred alice a: boom", "free w1 a"));
}

TEST_F(DaskTaskFailures, OfAnOldRunOnlyMakeItRunAgain) {
  join("w1");
  submit("alice", {{"a"}}, {"a"});
  scheduler_.task_erred("w1", {.key = text_key("a"), .run_id = told_.run_of("a") - 1}, now_);
  EXPECT_THAT(said(), ElementsAre("free w1 a", "compute w1 a"));
}

TEST_F(DaskTaskFailures, RetryRunsAnErredTaskAndThoseItNeeds) {
  join("w1");
  submit("alice", {{"a"}, {"b", {"a"}}, {"c", {"b"}}}, {"b", "c"});
  err("w1", "a", "boom");
  EXPECT_THAT(scheduler_.retry(keys_of({"c", "unknown"}), now_),
              UnorderedElementsAre(text_key("a"), text_key("b"), text_key("c")));
  EXPECT_THAT(said(), UnorderedElementsAre("retried alice b", "retried alice c", "compute w1 a"));
  finish("w1", "a");
  EXPECT_EQ(state_of("b"), "processing");
}

TEST_F(DaskTaskFailures, GiveUpOnATaskThatMoreWorkersDiedOfThanAllowed) {
  for (int death = 1; death <= 3; ++death) {
    join("w");
    if (death == 1) submit("alice", {{"a"}, {"b", {"a"}}}, {"b"});
    EXPECT_THAT(die("w"), IsEmpty());
    EXPECT_EQ(state_of("a"), "queued");
  }
  join("w");
  EXPECT_THAT(die("w"), ElementsAre("erred alice b: KilledWorker a w 3"));
  scheduler_.retry(keys_of({"b"}), now_);
  EXPECT_THAT(join("w"), ElementsAre("retried alice b", "compute w a"));
  EXPECT_THAT(die("w"), IsEmpty());
}

TEST_F(DaskTaskFailures, DoNotBlameTasksForWorkersThatWereToldToGo) {
  for (int departure = 1; departure <= 6; ++departure) {
    join("w");
    if (departure == 1) submit("alice", {{"a"}}, {"a"});
    die("w", true);
  }
  EXPECT_EQ(state_of("a"), "queued");
}

TEST_F(DaskTaskFailures, CancelWhatNeedsScatteredDataThatIsLost) {
  join("w1");
  scatter("alice", "data", {"w1"});
  submit("alice", {{"a", {"data"}}}, {"a"});
  EXPECT_THAT(die("w1"),
              ElementsAre("lost alice data", "cancelled alice data: lost data", "cancelled alice a: lost data"));
  EXPECT_EQ(known(), 0U);
}

TEST_F(DaskTaskFailures, LeaveResultsInPeaceWhoseScatteredInputIsLost) {
  join("w1");
  join("w2");
  scatter("alice", "data", {"w1"});
  Annotations on_w2;
  on_w2.workers = {"w2"};
  submit("alice", {{"a", {"data"}, on_w2}}, {"a"});
  finish("w2", "a");
  EXPECT_THAT(die("w1"), ElementsAre("lost alice data", "gone w2 w1", "cancelled alice data: lost data"));
  EXPECT_EQ(state_of("a"), "memory");
  EXPECT_THAT(die("w2"), ElementsAre("lost alice a", "cancelled alice a: lost data"));
}

TEST_F(DaskTaskFailures, CancelDataThatIsScatteredToNobody) {
  EXPECT_THAT(scatter("alice", "data", {"gone"}), ElementsAre("cancelled alice data: lost data"));
  EXPECT_EQ(known(), 0U);
}

TEST_F(DaskTaskFailures, ErrAnActorWhoseWorkerIsGone) {
  join("w1");
  join("w2");
  submit("alice", {{"actor", {}, {}, true}}, {"actor"});
  finish("w1", "actor");
  EXPECT_THAT(die("w1"), ElementsAre("erred alice actor: lost actor actor", "gone w2 w1"));
}

TEST_F(DaskTaskFailures, OfAGraphThatCannotBeMadeGoToItsClientOnly) {
  scheduler_.fail_keys("alice", keys_of({"a", "b"}), {.kind = Opaque::Kind::kBin, .header = Bytes(std::string("bad"))},
                       {});
  EXPECT_THAT(said(), ElementsAre("erred alice a: bad", "erred alice b: bad"));
}

}  // namespace
}  // namespace trireme::launcher::dask
