// How many workers Adaptive is told to have.
#include <gmock/gmock.h>

#include "launcher/dask/tasks/small_cluster.h"

namespace trireme::launcher::dask {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class DaskTaskAdaptive : public SmallCluster {
 protected:
  // Of half a second each, as long as none has ended.
  void submit_roots(int count) {
    std::vector<NewTask> tasks;
    Lines names;
    for (int i = 0; i < count; ++i) names.push_back("t-" + std::to_string(i));
    for (const std::string& name : names) tasks.push_back({name});
    submit("alice", tasks, names);
  }
};

TEST_F(DaskTaskAdaptive, WantsNobodyForNothingAndOneForAnything) {
  EXPECT_EQ(scheduler_.wanted_workers(5), 0U);
  submit_roots(1);
  EXPECT_EQ(scheduler_.wanted_workers(5), 1U);
}

TEST_F(DaskTaskAdaptive, WantsAsManyThreadsAsEndTheWorkInTime) {
  submit_roots(200);
  EXPECT_EQ(scheduler_.wanted_workers(5), 20U);
  join("w1", {.threads = 2});
  EXPECT_EQ(scheduler_.wanted_workers(5), 10U);
}

TEST_F(DaskTaskAdaptive, WantsNoMoreThreadsThanThereAreTasks) {
  submit_roots(3);
  EXPECT_EQ(scheduler_.wanted_workers(0.01), 3U);
}

TEST_F(DaskTaskAdaptive, WantsTwiceTheWorkersWhenTheirMemoryIsCrowded) {
  join("w1", {.memory_limit = 1000});
  submit_roots(1);
  finish("w1", "t-0", 0, 700);
  EXPECT_EQ(scheduler_.wanted_workers(5), 2U);
}

TEST_F(DaskTaskAdaptive, ClosesIdleWorkersAsLongAsTheRestHoldsTheDataTwice) {
  for (const char* worker : {"w1", "w2", "w3"}) join(worker, {.memory_limit = 1000});
  EXPECT_THAT(scheduler_.workers_to_close(std::nullopt), UnorderedElementsAre("w1", "w2", "w3"));
  submit_roots(1);
  finish("w1", "t-0", 0, 400);
  EXPECT_THAT(scheduler_.workers_to_close(std::nullopt), UnorderedElementsAre("w2", "w3"));
  EXPECT_EQ(scheduler_.wanted_workers(5), 1U);
}

TEST_F(DaskTaskAdaptive, ClosesThoseWithTheLeastToLose) {
  for (const char* worker : {"w1", "w2", "w3"}) join(worker);
  submit_roots(1);
  scatter("alice", "data", {"w2"});
  EXPECT_THAT(scheduler_.workers_to_close(1), ElementsAre("w3"));
  EXPECT_THAT(scheduler_.workers_to_close(2), ElementsAre("w3", "w2"));
  EXPECT_THAT(scheduler_.workers_to_close(0), IsEmpty());
}

TEST_F(DaskTaskAdaptive, NeverClosesAWorkerWithATaskThatLeftItsThread) {
  join("w1");
  submit_roots(1);
  scheduler_.task_long_running("w1", text_key("t-0"), told_.run_of("t-0"), 0, now_);
  EXPECT_THAT(scheduler_.workers_to_close(1), IsEmpty());
}

}  // namespace
}  // namespace trireme::launcher::dask
