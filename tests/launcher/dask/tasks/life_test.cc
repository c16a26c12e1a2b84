// The life of a task, from released to forgotten.
#include <gmock/gmock.h>

#include "launcher/dask/tasks/small_cluster.h"

namespace trireme::launcher::dask {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class DaskTaskLife : public SmallCluster {};

TEST_F(DaskTaskLife, RunsATaskAndTellsTheClientThatWantsIt) {
  join("w1");
  EXPECT_THAT(submit("alice", {{"x"}}, {"x"}), ElementsAre("compute w1 x"));
  EXPECT_THAT(finish("w1", "x"), ElementsAre("memory alice x"));
  EXPECT_EQ(state_of("x"), "memory");
  EXPECT_THAT(scheduler_.holders_of(text_key("x")), ElementsAre("w1"));
  EXPECT_EQ(scheduler_.type_name_of(text_key("x")), "int");
}

TEST_F(DaskTaskLife, WaitsForAWorkerThatRuns) {
  scheduler_.add_worker({.address = "w1", .name = "w1", .host = "h"}, now_);
  EXPECT_THAT(submit("alice", {{"x"}}, {"x"}), IsEmpty());
  EXPECT_EQ(state_of("x"), "queued");
  EXPECT_THAT(set_status("w1", WorkerStatus::kRunning), ElementsAre("compute w1 x"));
}

TEST_F(DaskTaskLife, RunsDependentsOnceTheirInputsAreInMemoryAndFreesThoseThen) {
  join("w1");
  submit("alice", {{"a"}, {"b"}, {"sum", {"a", "b"}}}, {"sum"});
  EXPECT_THAT(finish("w1", "a"), IsEmpty());
  EXPECT_EQ(state_of("sum"), "waiting");
  EXPECT_THAT(finish("w1", "b"), ElementsAre("compute w1 sum"));
  EXPECT_THAT(told_.inputs(), ElementsAre("a:w1", "b:w1"));
  EXPECT_THAT(finish("w1", "sum"), UnorderedElementsAre("memory alice sum", ::testing::StartsWith("free w1 ")));
  EXPECT_EQ(state_of("a"), "released");
  EXPECT_EQ(state_of("sum"), "memory");
}

TEST_F(DaskTaskLife, ForgetsATaskAndWhatOnlyItNeededWithTheLastClient) {
  join("w1");
  submit("alice", {{"a"}, {"b", {"a"}}}, {"b"});
  desire("bob", {"b"});
  finish("w1", "a");
  finish("w1", "b");
  EXPECT_THAT(release("alice", {"b"}), IsEmpty());
  EXPECT_EQ(state_of("a"), "released");
  EXPECT_THAT(release("bob", {"b"}), ElementsAre("free w1 b"));
  EXPECT_EQ(known(), 0U);
}

TEST_F(DaskTaskLife, TakesATaskBackFromItsWorkerWhenNobodyWantsIt) {
  join("w1");
  submit("alice", {{"x"}}, {"x"});
  EXPECT_THAT(release("alice", {"x"}), ElementsAre("free w1 x"));
  EXPECT_EQ(known(), 0U);
}

TEST_F(DaskTaskLife, MakesALostResultAgainWithAllThatItNeeds) {
  join("w1");
  submit("alice", {{"a"}, {"b", {"a"}}, {"c", {"b"}}}, {"c"});
  finish("w1", "a");
  finish("w1", "b");
  finish("w1", "c");
  join("w2");
  EXPECT_THAT(die("w1"), ElementsAre("lost alice c", "gone w2 w1", "compute w2 a"));
  EXPECT_EQ(state_of("b"), "waiting");
  EXPECT_THAT(finish("w2", "a"), ElementsAre("compute w2 b"));
}

TEST_F(DaskTaskLife, TakesTasksBackWhoseInputsAreLost) {
  join("w1");
  submit("alice", {{"a"}}, {"a"});
  finish("w1", "a");
  join("w2", {.threads = 8});
  Annotations on_w2;
  on_w2.workers = {"w2"};
  EXPECT_THAT(submit("alice", {{"b", {"a"}, on_w2}}, {"b"}), ElementsAre("compute w2 b"));
  EXPECT_THAT(die("w1"), ElementsAre("lost alice a", "gone w2 w1", "free w2 b", "compute w2 a"));
  EXPECT_EQ(state_of("b"), "waiting");
  EXPECT_THAT(finish("w2", "a"), ElementsAre("memory alice a", "compute w2 b"));
}

TEST_F(DaskTaskLife, KeepsAResultThatAnotherWorkerHasToo) {
  join("w1");
  join("w2");
  submit("alice", {{"a"}}, {"a"});
  finish("w1", "a");
  scheduler_.data_added("w2", keys_of({"a"}), now_);
  EXPECT_THAT(die("w1"), ElementsAre("gone w2 w1"));
  EXPECT_THAT(scheduler_.holders_of(text_key("a")), ElementsAre("w2"));
}

TEST_F(DaskTaskLife, MakesAResultAgainThatItsWorkerDropped) {
  join("w1");
  submit("alice", {{"a"}}, {"a"});
  finish("w1", "a");
  scheduler_.data_released("w1", text_key("a"), now_);
  EXPECT_THAT(said(), ElementsAre("lost alice a", "compute w1 a"));
}

TEST_F(DaskTaskLife, AnswersAFinishThatNobodyAskedForWithFreeKeys) {
  join("w1");
  join("w2");
  EXPECT_THAT(finish_run("w1", "unknown", 7), ElementsAre("free w1 unknown"));
  submit("alice", {{"x"}}, {"x"});
  EXPECT_THAT(finish_run("w2", "x", told_.run_of("x")), ElementsAre("free w2 x"));
  EXPECT_EQ(state_of("x"), "processing");
}

TEST_F(DaskTaskLife, RunsATaskAgainWhenItsWorkerFinishesAnOlderRun) {
  join("w1");
  submit("alice", {{"x"}}, {"x"});
  const std::int64_t run = told_.run_of("x");
  EXPECT_THAT(finish_run("w1", "x", run - 1), ElementsAre("free w1 x", "compute w1 x"));
  EXPECT_GT(told_.run_of("x"), run);
}

TEST_F(DaskTaskLife, CountsAReplicaWhenATaskInMemoryIsFinishedOnceMore) {
  join("w1");
  join("w2");
  submit("alice", {{"x"}}, {"x"});
  finish("w1", "x");
  EXPECT_THAT(finish_run("w2", "x", told_.run_of("x")), IsEmpty());
  EXPECT_THAT(scheduler_.holders_of(text_key("x")), UnorderedElementsAre("w1", "w2"));
  EXPECT_THAT(finish_run("w2", "x", told_.run_of("x") - 1), IsEmpty());
}

TEST_F(DaskTaskLife, CancelsAGraphThatNeedsWhatIsNotKnown) {
  join("w1");
  EXPECT_THAT(submit("alice", {{"a"}, {"b", {"a", "gone"}}}, {"a", "b"}),
              ElementsAre("cancelled alice a b: lost dependencies"));
  EXPECT_EQ(known(), 0U);
}

TEST_F(DaskTaskLife, KeepsWhatItKnowsOfAKeyThatComesAgain) {
  join("w1");
  submit("alice", {{"x"}}, {"x"});
  EXPECT_THAT(submit("bob", {{"y"}, {"x", {"y"}}}, {"x"}), IsEmpty());
  EXPECT_EQ(state_of("y"), "forgotten");
  EXPECT_THAT(finish("w1", "x"), UnorderedElementsAre("memory alice x", "memory bob x"));
  EXPECT_THAT(submit("bob", {{"x"}}, {"x"}), ElementsAre("memory bob x"));
}

TEST_F(DaskTaskLife, IgnoresThatATaskNeedsItselfOrAnInputTwice) {
  join("w1");
  submit("alice", {{"a"}, {"b", {"a", "a", "b"}}}, {"b"});
  EXPECT_THAT(finish("w1", "a"), ElementsAre("compute w1 b"));
  EXPECT_THAT(told_.inputs(), ElementsAre("a:w1"));
}

TEST_F(DaskTaskLife, OrdersByWishThenGraphThenOrder) {
  join("w1", {.threads = 1});
  submit("alice", {{"f1"}, {"f2"}, {"a"}, {"b"}}, {"f1", "f2", "a", "b"});
  Annotations urgent;
  urgent.priority = 5;
  submit("alice", {{"late"}, {"urgent", {}, urgent}}, {"late", "urgent"});
  EXPECT_THAT(finish("w1", "f1"), ElementsAre("memory alice f1", "compute w1 urgent"));
  EXPECT_THAT(finish("w1", "f2"), ElementsAre("memory alice f2", "compute w1 a"));
  EXPECT_THAT(finish("w1", "a"), ElementsAre("memory alice a", "compute w1 b"));
  EXPECT_THAT(finish("w1", "b"), ElementsAre("memory alice b", "compute w1 late"));
}

TEST_F(DaskTaskLife, RunsWhatATaskSubmitsBeforeOthersOfItsGraph) {
  join("w1", {.threads = 8});
  submit("alice", {{"parent"}}, {"parent"});
  scheduler_.update_graph({.client = "alice",
                           .tasks = {{.key = text_key("child"), .run_spec = Bytes(std::string("x"))}},
                           .wanted = keys_of({"child"}),
                           .submitting_task = text_key("parent")},
                          now_);
  EXPECT_THAT(said(), ElementsAre("compute w1 child"));
  EXPECT_DOUBLE_EQ(told_.priority_of("child").generation, told_.priority_of("parent").generation - 0.01);
}

TEST_F(DaskTaskLife, GivesGraphsThatFollowCloselyOneGeneration) {
  join("w1", {.threads = 8});
  submit("alice", {{"first"}}, {"first"});
  scheduler_.update_graph({.client = "alice",
                           .tasks = {{.key = text_key("second"), .run_spec = Bytes(std::string("x"))}},
                           .wanted = keys_of({"second"}),
                           .fifo_seconds = 60},
                          now_ + 1);
  EXPECT_EQ(told_.priority_of("first").generation, told_.priority_of("second").generation);
}

TEST_F(DaskTaskLife, TellsWhereDataIsWhenAskedAndWhatIsGone) {
  join("w1");
  join("w2");
  submit("alice", {{"x"}}, {"x"});
  finish("w1", "x");
  told_.take();
  scheduler_.who_has_requested("w2", keys_of({"x", "gone"}));
  EXPECT_THAT(said(), ElementsAre("who-has w2 x: w1", "free w2 gone"));
  scheduler_.data_added("w2", keys_of({"x", "gone"}), now_);
  EXPECT_THAT(said(), ElementsAre("remove w2 gone"));
}

}  // namespace
}  // namespace trireme::launcher::dask
