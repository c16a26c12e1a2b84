// Which worker runs what, and when.
#include <gmock/gmock.h>

#include "launcher/dask/tasks/small_cluster.h"

namespace trireme::launcher::dask {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class DaskTaskPlacement : public SmallCluster {
 protected:
  static std::vector<NewTask> roots(int count, const std::string& name = "t") {
    std::vector<NewTask> tasks;
    for (int i = 0; i < count; ++i) tasks.push_back({name + "-" + std::to_string(i)});
    return tasks;
  }
  static Lines names(const std::vector<NewTask>& tasks) {
    Lines names;
    for (const NewTask& task : tasks) names.push_back(task.name);
    return names;
  }
  Lines submit_all(const std::vector<NewTask>& tasks) { return submit("alice", tasks, names(tasks)); }
  static Annotations on(std::vector<std::string> workers, bool allow_others = false) {
    Annotations annotations;
    annotations.workers = std::move(workers);
    annotations.allow_other_workers = allow_others;
    return annotations;
  }
  static Annotations needing(const std::string& resource, double amount) {
    Annotations annotations;
    annotations.resources[resource] = amount;
    return annotations;
  }
};

TEST_F(DaskTaskPlacement, SendsTwoTasksAThreadOfUnknownDurationAndQueuesTheRest) {
  join("w1", {.threads = 2});
  EXPECT_THAT(submit_all(roots(10)),
              ElementsAre("compute w1 t-0", "compute w1 t-1", "compute w1 t-2", "compute w1 t-3"));
  EXPECT_EQ(scheduler_.counts().queued, 6U);
  EXPECT_THAT(finish("w1", "t-0", 1.0), ElementsAre("memory alice t-0", "compute w1 t-4"));
}

TEST_F(DaskTaskPlacement, SendsShortTasksFurtherAheadOnceOneHasEnded) {
  join("w1");
  submit_all(roots(100));
  // Of 5 ms each: the one that is there still counts as unknown, then 7 make 35 ms.
  EXPECT_THAT(finish("w1", "t-0", 0.005), SizeIs(2));
  EXPECT_THAT(finish("w1", "t-1", 0.005), SizeIs(8));
  EXPECT_THAT(finish("w1", "t-2", 0.005), SizeIs(2));
}

TEST_F(DaskTaskPlacement, SendsNoMoreThanTheMostInFlight) {
  join("w1");
  submit_all(roots(200));
  finish("w1", "t-0", 1e-6);
  finish("w1", "t-1", 1e-6);
  EXPECT_EQ(scheduler_.counts().queued, 200U - 2 - 64);
}

TEST_F(DaskTaskPlacement, SpreadsTasksOverIdleWorkers) {
  join("w1");
  join("w2");
  EXPECT_THAT(submit_all(roots(2)), UnorderedElementsAre("compute w1 t-0", "compute w2 t-1"));
}

TEST_F(DaskTaskPlacement, RunsATaskWhereItsInputIs) {
  join("w1");
  join("w2");
  submit_all(roots(2));
  finish("w1", "t-0", 0.001, 200'000'000);
  finish("w2", "t-1", 0.001);
  EXPECT_THAT(submit("alice", {{"big", {"t-0"}}, {"both", {"t-1", "t-0"}}}, {"big", "both"}),
              ElementsAre("compute w1 big", "compute w1 both"));
}

TEST_F(DaskTaskPlacement, MovesDataToAnIdleWorkerWhenThatIsSooner) {
  join("w1");
  join("w2");
  submit("alice", {{"a", {}, on({"w1"})}, {"slow", {}, on({"w1"})}}, {"a", "slow"});
  finish("w1", "a", 0.001);
  EXPECT_THAT(submit("alice", {{"b", {"a"}}}, {"b"}), ElementsAre("compute w2 b"));
}

TEST_F(DaskTaskPlacement, TreatsTasksOfSharedDataAsRoots) {
  join("w1");
  scatter("alice", "data", {"w1"});
  std::vector<NewTask> tasks = roots(10);
  for (NewTask& task : tasks) task.inputs = {"data"};
  submit_all(tasks);
  EXPECT_EQ(scheduler_.counts().queued, 8U);
  EXPECT_THAT(join("w2"), ElementsAre("compute w2 t-2", "compute w2 t-3"));
}

TEST_F(DaskTaskPlacement, GivesAnIdleWorkerWhatWaitsInAnothersBacklog) {
  join("w1");
  submit("alice", {{"a"}}, {"a"});
  finish("w1", "a", 0.001);
  // With two dependents an input is not everybody's: both wait for w1, beyond its window.
  submit("alice", {{"t-1"}, {"t-2"}, {"x-1", {"a"}}, {"x-2", {"a"}}}, {"t-1", "t-2", "x-1", "x-2"});
  EXPECT_EQ(scheduler_.workers().front().processing, 4U);
  EXPECT_THAT(join("w2"), ElementsAre("compute w2 x-1", "compute w2 x-2"));
}

TEST_F(DaskTaskPlacement, GivesAPausedWorkerNothingAndItsBacklogToOthers) {
  join("w1");
  submit("alice", {{"a"}}, {"a"});
  finish("w1", "a", 0.001);
  submit("alice", {{"t-1"}, {"t-2"}, {"x", {"a"}}}, {"t-1", "t-2", "x"});
  EXPECT_THAT(set_status("w1", WorkerStatus::kPaused), IsEmpty());
  EXPECT_EQ(state_of("x"), "queued");
  EXPECT_THAT(join("w2"), ElementsAre("compute w2 x"));
  EXPECT_THAT(finish("w1", "t-1"), ElementsAre("memory alice t-1"));
  submit("alice", {{"y"}}, {"y"});
  EXPECT_THAT(set_status("w1", WorkerStatus::kRunning), IsEmpty());
}

TEST_F(DaskTaskPlacement, AsksAPausedWorkerForWhatItHasNotBegun) {
  join("w1");
  submit_all(roots(2));
  scheduler_.update_load("w1", {.executing = keys_of({"t-0"})}, now_);
  join("w2");
  set_status("w1", WorkerStatus::kPaused);
  EXPECT_THAT(tick(0.1), ElementsAre("steal w1 t-1"));
  EXPECT_THAT(tick(0.1), IsEmpty());
  scheduler_.steal_answered("w1", text_key("t-1"), "ready", told_.stimulus(), now_);
  EXPECT_THAT(said(), ElementsAre("compute w2 t-1"));
}

TEST_F(DaskTaskPlacement, StealsForAnIdleWorkerWhatABusyOneHasNotBegun) {
  join("w1");
  submit_all(roots(2));
  join("w2");
  EXPECT_THAT(tick(0.1), ElementsAre("steal w1 t-1"));
  scheduler_.steal_answered("w1", text_key("t-1"), "ready", "another stimulus", now_);
  EXPECT_THAT(said(), IsEmpty());
  scheduler_.steal_answered("w1", text_key("t-1"), "ready", told_.stimulus(), now_);
  EXPECT_THAT(said(), ElementsAre("compute w2 t-1"));
}

TEST_F(DaskTaskPlacement, LeavesATaskWhereItHasBegun) {
  join("w1");
  submit_all(roots(2));
  join("w2");
  tick(0.1);
  scheduler_.steal_answered("w1", text_key("t-1"), "executing", told_.stimulus(), now_);
  EXPECT_THAT(said(), IsEmpty());
  EXPECT_THAT(finish("w1", "t-1"), ElementsAre("memory alice t-1"));
}

TEST_F(DaskTaskPlacement, StealsNothingThatWouldRunAsSoonWhereItIs) {
  join("w1");
  submit_all(roots(3));
  for (const char* task : {"t-0", "t-1", "t-2"}) finish("w1", task, 0.001);
  submit("alice", {{"t-4"}, {"t-5"}}, {"t-4", "t-5"});
  join("w2");
  EXPECT_THAT(tick(0.001), IsEmpty());
  EXPECT_THAT(tick(0.2), SizeIs(1)) << "it is late by now";
}

TEST_F(DaskTaskPlacement, KeepsToTheWorkersThatWereNamed) {
  join("w1");
  join("w2", {.host = "there"});
  EXPECT_THAT(
      submit("alice", {{"a", {}, on({"w1"})}, {"b", {}, on({"w1"})}, {"c", {}, on({"there"})}}, {"a", "b", "c"}),
      ElementsAre("compute w1 a", "compute w1 b", "compute w2 c"));
}

TEST_F(DaskTaskPlacement, WaitsForAWorkerThatWasNamedUnlessOthersWillDo) {
  join("w1");
  EXPECT_THAT(submit("alice", {{"a", {}, on({"w9"})}, {"b", {}, on({"w9"}, true)}}, {"a", "b"}),
              ElementsAre("compute w1 b"));
  EXPECT_EQ(state_of("a"), "queued");
  EXPECT_THAT(join("w2"), IsEmpty());
  EXPECT_THAT(join("w9"), ElementsAre("compute w9 a"));
}

TEST_F(DaskTaskPlacement, SendsAsManyTasksAsResourcesAllowAndOneRoundAhead) {
  join("w1", {.threads = 8, .resources = {{"GPU", 1}}});
  std::vector<NewTask> tasks = roots(3);
  for (NewTask& task : tasks) task.annotations = needing("GPU", 1);
  EXPECT_THAT(submit_all(tasks), ElementsAre("compute w1 t-0", "compute w1 t-1"));
  EXPECT_THAT(submit("alice", {{"other"}}, {"other"}), ElementsAre("compute w1 other"));
  EXPECT_THAT(finish("w1", "t-0"), ElementsAre("memory alice t-0", "compute w1 t-2"));
}

TEST_F(DaskTaskPlacement, WaitsForAWorkerWithTheResource) {
  join("w1");
  join("w2", {.resources = {{"GPU", 1}}});
  EXPECT_THAT(submit("alice", {{"a", {}, needing("GPU", 2)}}, {"a"}), IsEmpty());
  scheduler_.set_worker_resources("w2", {{"GPU", 2}}, now_);
  EXPECT_THAT(said(), ElementsAre("compute w2 a"));
}

TEST_F(DaskTaskPlacement, MovesWhatWaitsForAResourceToANewWorkerThatHasIt) {
  join("w1", {.threads = 8, .resources = {{"GPU", 1}}});
  std::vector<NewTask> tasks = roots(4);
  for (NewTask& task : tasks) task.annotations = needing("GPU", 1);
  submit_all(tasks);
  EXPECT_THAT(join("w2", {.resources = {{"GPU", 1}}}), ElementsAre("compute w2 t-2"));
}

TEST_F(DaskTaskPlacement, HasRoomForOthersWhenATaskLeavesItsThread) {
  join("w1");
  submit_all(roots(3));
  EXPECT_EQ(state_of("t-2"), "queued");
  scheduler_.task_long_running("w1", text_key("t-0"), told_.run_of("t-0"), 0, now_);
  EXPECT_THAT(said(), ElementsAre("compute w1 t-2"));
  EXPECT_THAT(finish("w1", "t-0"), ElementsAre("memory alice t-0"));
}

TEST_F(DaskTaskPlacement, TakesATasksTimeInItsThreadForItsDuration) {
  join("w1");
  submit_all(roots(3));
  scheduler_.task_long_running("w1", text_key("t-0"), told_.run_of("t-0"), 4, now_);
  EXPECT_THAT(said(), ElementsAre("compute w1 t-2"));
  EXPECT_DOUBLE_EQ(scheduler_.work_ahead_of("w1").seconds, 4.5);  // t-1 was thought to take half a second
  finish("w1", "t-0", 100);
  submit("alice", {{"t-9"}}, {"t-9"});
  finish("w1", "t-1");
  EXPECT_DOUBLE_EQ(scheduler_.work_ahead_of("w1").seconds, 8);
}

TEST_F(DaskTaskPlacement, KnowsWhetherAWorkerHasNothingToDo) {
  EXPECT_FALSE(scheduler_.has_idle_workers());
  join("w1");
  EXPECT_TRUE(scheduler_.has_idle_workers());
  submit("alice", {{"a"}}, {"a"});
  EXPECT_FALSE(scheduler_.has_idle_workers());
  join("w2");
  EXPECT_TRUE(scheduler_.has_idle_workers());
  scheduler_.set_worker_status("w2", WorkerStatus::kPaused, now_);
  EXPECT_FALSE(scheduler_.has_idle_workers());
  finish("w1", "a");
  EXPECT_TRUE(scheduler_.has_idle_workers());
}

TEST_F(DaskTaskPlacement, PlacesATaskAnewThatAsksForIt) {
  join("w1");
  submit("alice", {{"a"}}, {"a"});
  const std::int64_t run = told_.run_of("a");
  scheduler_.task_rescheduled("w1", text_key("a"), run, now_);
  EXPECT_THAT(said(), ElementsAre("free w1 a", "compute w1 a"));
  scheduler_.task_rescheduled("w1", text_key("a"), run, now_);
  EXPECT_THAT(said(), IsEmpty());
  scheduler_.task_rescheduled("w1", text_key("a"), 0, now_);
  EXPECT_THAT(said(), ElementsAre("free w1 a", "compute w1 a"));
}

TEST_F(DaskTaskPlacement, SparesAWorkerThatIsShortOfMemory) {
  join("w1", {.memory_limit = 1000});
  join("w2", {.memory_limit = 1000});
  scheduler_.update_load("w1", {.memory = 790}, now_);
  EXPECT_THAT(submit_all(roots(2)), ElementsAre("compute w2 t-0", "compute w2 t-1"));
}

TEST_F(DaskTaskPlacement, SpreadsActorsByTheirNumber) {
  join("w1");
  join("w2", {.threads = 8});
  EXPECT_THAT(submit("alice", {{"a", {}, {}, true}, {"b", {}, {}, true}}, {"a", "b"}),
              UnorderedElementsAre("compute w1 a", "compute w2 b"));
}

TEST_F(DaskTaskPlacement, DoesNotSuspectTasksThatTheWorkerNeverGot) {
  for (int death = 0; death < 5; ++death) {
    join("w1");
    if (death == 0) submit_all(roots(4));
    die("w1");
  }
  // Each time the first two were sent; after the fourth the other two were.
  EXPECT_EQ(state_of("t-0"), "erred");
  EXPECT_EQ(state_of("t-3"), "queued");
}

}  // namespace
}  // namespace trireme::launcher::dask
