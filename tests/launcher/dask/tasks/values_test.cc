// The arithmetic and the small structures that placement stands on.
#include <string>

#include <gtest/gtest.h>

#include "dask/tasks/placement.h"
#include "dask/tasks/prefix_statistics.h"
#include "dask/tasks/task_record.h"
#include "dask/tasks/window.h"
#include "launcher/dask/tasks/text_key.h"

namespace trireme::launcher::dask::tasks {
namespace {

std::string prefix_of(const std::string& text) { return prefix_name(text_key(text).packed()); }

TEST(DaskTaskPrefix, IsWhatDasksKeySplitGives) {
  EXPECT_EQ(prefix_of("x"), "x");
  EXPECT_EQ(prefix_of("x-1-2-3"), "x");
  EXPECT_EQ(prefix_of("hello-world-1"), "hello-world");
  EXPECT_EQ(prefix_of("x-abcdefab"), "x");
  EXPECT_EQ(prefix_of("('x-2', 1)"), "x");
  EXPECT_EQ(prefix_of("('x', 1)"), "x");
  EXPECT_EQ(prefix_of("_(x)"), "x");
  EXPECT_EQ(prefix_of("ae05086432ca935f6eba409a8ecd4896"), "data");
  EXPECT_EQ(prefix_of("<module.submodule.myclass object at 0xdaf372"), "myclass");
  EXPECT_EQ(prefix_of("inc-3e8f00000000000000000000000000aa"), "inc");
}

TEST(DaskTaskPrefix, IsTheFirstElementsForTuplesAndOtherForNumbers) {
  EXPECT_EQ(prefix_name(std::string("\x92") + std::string(text_key("sum-77").packed()) + "\x03"), "sum");
  EXPECT_EQ(prefix_name("\xc4\x03xyz"), "xyz");
  EXPECT_EQ(prefix_name("\x07"), "Other");
  EXPECT_EQ(prefix_name(""), "Other");
}

TEST(DaskTaskPrefix, IsReadFromWhateverBytesThereAre) {
  for (const char* broken : {"\xd9",
                             "\xd9\xff"
                             "x",
                             "\xda\x01", "\xdb", "\x91", "\xdc", "\xdd\x01",
                             "\xa5"
                             "ab",
                             "\x91\x91\x91"}) {
    EXPECT_FALSE(prefix_name(broken).empty());
  }
}

TEST(DaskTaskPrefix, AveragesDurationsWithTheLatestAtHalf) {
  Prefix prefix;
  EXPECT_EQ(prefix.expected_seconds(), Prefix::kUnknownSeconds);
  prefix.add_run(4);
  EXPECT_EQ(prefix.expected_seconds(), 4);
  prefix.add_run(2);
  EXPECT_EQ(prefix.expected_seconds(), 3);
}

TEST(DaskTaskPrefix, IsRememberedWithoutTasksButNotForEver) {
  PrefixTable table;
  Prefix& inc = table.add_task(text_key("inc-1"));
  inc.add_run(7);
  table.remove_task(inc);
  EXPECT_EQ(table.add_task(text_key("inc-2")).seconds, 7);
  for (std::size_t i = 0; i <= PrefixTable::kMostUnused; ++i) {
    std::string name = "k";
    for (std::size_t rest = i; rest > 0; rest /= 26) name.push_back(static_cast<char>('a' + rest % 26));
    table.remove_task(table.add_task(text_key(name)));
  }
  EXPECT_EQ(table.add_task(text_key("inc-3")).seconds, 7) << "it still has a task";
  EXPECT_LT(table.add_task(text_key("kb")).seconds, 0);
}

TEST(DaskTaskWindow, HasRoomForAFewTasksAThreadWhateverTheyTake) {
  const PlacementSettings settings;
  EXPECT_TRUE(has_room({.tasks = 3, .work_us = 100'000'000, .threads = 2}, settings));
  EXPECT_FALSE(has_room({.tasks = 4, .work_us = 100'000'000, .threads = 2}, settings));
}

TEST(DaskTaskWindow, HasRoomUntilEachThreadHasWorkForTheTimeInFlight) {
  const PlacementSettings settings{.work_in_flight_seconds = 0.035};
  EXPECT_TRUE(has_room({.tasks = 34, .work_us = 34'000, .threads = 1}, settings));
  EXPECT_FALSE(has_room({.tasks = 36, .work_us = 36'000, .threads = 1}, settings));
  EXPECT_TRUE(has_room({.tasks = 36, .work_us = 36'000, .threads = 2}, settings));
}

TEST(DaskTaskWindow, HasNoRoomBeyondTheMostInFlight) {
  EXPECT_TRUE(has_room({.tasks = 63, .work_us = 1, .threads = 1}, {}));
  EXPECT_FALSE(has_room({.tasks = 64, .work_us = 1, .threads = 1}, {}));
}

TEST(DaskTaskStart, IsWorkPerThreadPlusWhatMovingTakes) {
  EXPECT_DOUBLE_EQ(start_seconds({.work_us = 3'000'000, .threads = 2}), 1.5);
  EXPECT_DOUBLE_EQ(start_seconds({.missing_bytes = 50, .missing_inputs = 3, .bandwidth = 100}),
                   0.5 + 3 * kFetchSeconds);
}

TEST(DaskTaskStart, IsLateOnAWorkerThatIsShortOfMemory) {
  EXPECT_EQ(memory_penalty_seconds(kMemoryAtEase), 0);
  EXPECT_DOUBLE_EQ(memory_penalty_seconds(kMemoryPaused), kMemoryPenaltySeconds);
  EXPECT_DOUBLE_EQ(start_seconds({.memory_used = kMemoryPaused}), kMemoryPenaltySeconds);
}

TEST(DaskTaskStealing, IsWorthItOnlyForMoreThanItCosts) {
  EXPECT_TRUE(is_worth_stealing(1.0, 0, 0.5, 0.1));
  EXPECT_FALSE(is_worth_stealing(1.0, 0, 0.5, 0.49));
  EXPECT_FALSE(is_worth_stealing(1.0, 0.45, 0.5, 0.1)) << "it begins soon";
  EXPECT_TRUE(is_worth_stealing(0.01, 1.0, 0.005, 0.1)) << "the worker is late by a second";
}

TEST(DaskTaskEdges, AreTakenAwayFromBothSidesWhereverTheyStand) {
  Task a;
  Task b;
  Task c;
  Task d;
  for (Task* dependent : {&c, &d}) {
    connect(*dependent, a);
    connect(*dependent, b);
  }
  disconnect_dependency(c, 0);
  ASSERT_EQ(a.dependents.size(), 1U);
  EXPECT_EQ(a.dependents[0].task, &d);
  ASSERT_EQ(c.dependencies.size(), 1U);
  EXPECT_EQ(c.dependencies[0].task, &b);
  disconnect_dependency(d, 0);
  disconnect_dependency(c, 0);
  EXPECT_TRUE(a.dependents.empty());
  ASSERT_EQ(b.dependents.size(), 1U);
  EXPECT_EQ(b.dependents[0].task, &d);
  EXPECT_EQ(d.dependencies[b.dependents[0].slot].task, &b);
}

}  // namespace
}  // namespace trireme::launcher::dask::tasks
