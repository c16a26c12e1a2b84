#include "dask/server/reading_pace.h"

#include <gtest/gtest.h>

namespace trireme::launcher::dask {
namespace {

constexpr bool kOthersIdle = true;

TEST(DaskReadingPace, ReadsAtOnceWhereAWorkerMayRunDry) {
  const ReadingPace pace;
  EXPECT_EQ(pace.wait({.tasks = 0, .seconds = 0}, !kOthersIdle), 0);
  EXPECT_EQ(pace.wait({.tasks = 2, .seconds = 60}, !kOthersIdle), 0);
  EXPECT_EQ(pace.wait({.tasks = 10, .seconds = 0.001}, !kOthersIdle), 0);
}

TEST(DaskReadingPace, WaitsNoLongerThanTwoThirdsOfTheWorkLast) {
  const ReadingPace pace;
  EXPECT_EQ(pace.wait({.tasks = 5, .seconds = 0.03}, !kOthersIdle), ReadingPace::kShortWait);
  EXPECT_DOUBLE_EQ(pace.wait({.tasks = 30, .seconds = 0.03}, !kOthersIdle), 0.0195);
  EXPECT_EQ(pace.wait({.tasks = 60, .seconds = 5}, !kOthersIdle), ReadingPace::kLongWait);
}

TEST(DaskReadingPace, WaitsLessWhileAnotherWorkerMayNeedTheResults) {
  EXPECT_EQ(ReadingPace().wait({.tasks = 60, .seconds = 5}, kOthersIdle), ReadingPace::kShortWait);
}

TEST(DaskReadingPace, SeesThatAWorkerIsFast) {
  ReadingPace pace;
  const WorkAhead full{.tasks = 64, .seconds = 0.0001};
  EXPECT_DOUBLE_EQ(pace.wait(full, !kOthersIdle), ReadingPace::kLongWait);  // less than the slowest needs
  pace.note(10, 1, 1);
  EXPECT_DOUBLE_EQ(pace.wait(full, !kOthersIdle), ReadingPace::kLongWait);  // it may have had nothing to do before
  pace.note(10.02, 64, 1);                                                  // all it had
  EXPECT_NEAR(pace.wait(full, !kOthersIdle), 0.013, 1e-9);
  pace.note(10.033, 64, 1);
  EXPECT_NEAR(pace.wait(full, !kOthersIdle), 0.00845, 1e-9);
  pace.note(10.0414, 64, 1);
  EXPECT_EQ(pace.wait(full, !kOthersIdle), 0);
  EXPECT_DOUBLE_EQ(pace.wait({.tasks = 64, .seconds = 0.03}, !kOthersIdle), 0.0195);  // tasks that take their time
}

TEST(DaskReadingPace, CountsForEachThread) {
  ReadingPace pace;
  pace.note(10, 1, 4);
  pace.note(10.01, 160, 4);
  EXPECT_NEAR(pace.wait({.tasks = 60, .seconds = 0}, !kOthersIdle), 60 * 0.01 / 40 * 0.65, 1e-6);
}

}  // namespace
}  // namespace trireme::launcher::dask
