// What progress bars and replays ask.
#include <gmock/gmock.h>

#include "launcher/dask/tasks/small_cluster.h"

namespace trireme::launcher::dask {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

class DaskTasksNeeded : public SmallCluster {
 protected:
  DaskTasksNeeded() {
    join("w1", {.threads = 8});
    submit("alice", {{"load-1"}, {"load-2"}, {"add-1", {"load-1", "load-2"}}, {"show-1", {"add-1", "load-1"}}},
           {"show-1"});
  }
  [[nodiscard]] NeededTasks needed(const Lines& tasks, Counted counted = Counted::kUnfinished) const {
    return scheduler_.needed_by(keys_of(tasks), counted);
  }
};

TEST_F(DaskTasksNeeded, AreCountedOnceByKind) {
  const NeededTasks all = needed({"show-1", "add-1"});
  EXPECT_EQ(all.total, 4U);
  EXPECT_THAT(all.kinds, ElementsAre(Pair("add", 1), Pair("load", 2), Pair("show", 1)));
  EXPECT_FALSE(all.failed || all.unknown);
}

TEST_F(DaskTasksNeeded, BecomeFewerWithEachThatEnds) {
  finish("w1", "load-1");
  EXPECT_EQ(needed({"show-1"}).total, 3U);
  finish("w1", "load-2");
  finish("w1", "add-1");
  EXPECT_THAT(needed({"show-1"}).kinds, ElementsAre(Pair("show", 1))) << "load-2 is freed, and not needed again";
  finish("w1", "show-1");
  EXPECT_THAT(needed({"show-1"}).kinds, IsEmpty());
}

TEST_F(DaskTasksNeeded, AreMoreWhenAResultIsLost) {
  finish("w1", "load-1");
  finish("w1", "load-2");
  EXPECT_EQ(needed({"show-1"}).total, 2U);
  die("w1");
  EXPECT_EQ(needed({"show-1"}).total, 4U);
}

TEST_F(DaskTasksNeeded, IncludeWhatIsDoneWhereThatIsAskedFor) {
  for (const char* task : {"load-1", "load-2", "add-1", "show-1"}) finish("w1", task);
  EXPECT_EQ(needed({"show-1"}, Counted::kAll).total, 4U);
  EXPECT_THAT(needed({"show-1"}, Counted::kUnfinishedAndGiven).kinds, ElementsAre(Pair("show", 1)));
}

TEST_F(DaskTasksNeeded, SayWhichFailedAndWhichAreUnknown) {
  err("w1", "load-2", "boom");
  EXPECT_TRUE(needed({"show-1"}).failed.has_value());
  EXPECT_EQ(scheduler_.failed_first(text_key("show-1")), text_key("load-2"));
  EXPECT_EQ(scheduler_.failed_first(text_key("load-1")), std::nullopt);
  EXPECT_EQ(needed({"show-1", "other"}).unknown, text_key("other"));
}

TEST_F(DaskTasksNeeded, AreNamedByKindAndHaveTheirRunSpec) {
  EXPECT_EQ(scheduler_.kind_of(text_key("load-1")), "load");
  EXPECT_EQ(scheduler_.kind_of(text_key("other")), "");
  EXPECT_FALSE(scheduler_.run_spec_of(text_key("load-1")).empty());
  scatter("alice", "data", {"w1"});
  EXPECT_TRUE(scheduler_.run_spec_of(text_key("data")).empty());
}

}  // namespace
}  // namespace trireme::launcher::dask
