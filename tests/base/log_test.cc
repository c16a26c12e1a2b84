#include "trireme/base/log.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <regex>

namespace trireme {
namespace {

TEST(Log, KnowsItsLevels) {
  EXPECT_EQ(parse_log_level("debug"), LogLevel::kDebug);
  EXPECT_EQ(parse_log_level("error"), LogLevel::kError);
  EXPECT_EQ(parse_log_level("verbose"), std::nullopt);
  EXPECT_EQ(parse_log_level(""), std::nullopt);
}

// The level is read once per process, so each of these runs in one of its own.
void log_and_exit(const char* level) {
  level == nullptr ? ::unsetenv("TRIREME_LOG") : ::setenv("TRIREME_LOG", level, 1);
  log_debug("rank={} event=detail", 1);
  log_info("rank={} event=started\nsecond line", 1);
  log_error("rank={} event=lost", 2);
  std::exit(0);
}

TEST(LogDeathTest, WritesOneStampedLinePerEvent) {
  EXPECT_EXIT(log_and_exit(nullptr), testing::ExitedWithCode(0),
              "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\\.[0-9]{3}Z info rank=1 event=started\\\\nsecond line\n"
              "[^ ]+ error rank=2 event=lost\n$");
}

TEST(LogDeathTest, ShowsDebugWhenAsked) {
  EXPECT_EXIT(log_and_exit("debug"), testing::ExitedWithCode(0), " debug rank=1 event=detail\n");
}

TEST(LogDeathTest, HidesWhatIsBelowTheLevel) {
  EXPECT_EXIT(log_and_exit("error"), testing::ExitedWithCode(0), "^[^ ]+ error rank=2 event=lost\n$");
}

TEST(LogDeathTest, SaysThatALevelIsUnknown) {
  EXPECT_EXIT(log_and_exit("loud"), testing::ExitedWithCode(0),
              "TRIREME_LOG='loud' is none of debug, info, warn, error");
}

}  // namespace
}  // namespace trireme
