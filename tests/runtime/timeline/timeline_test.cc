#include "trireme/runtime/timeline.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "support/temporary_folder.h"
#include "trireme/base/error.h"
#include "trireme/collectives/single.h"

namespace trireme {
namespace {

using std::chrono::milliseconds;

TimePoint at(int ms) { return TimePoint(std::chrono::hours(1)) + milliseconds(ms); }

TEST(Timeline, KeepsTheStepsAskedFor) {
  Timeline timeline({.skip = 1, .steps = 2});
  std::vector<bool> wanted;
  for (int step = 0; step < 5; ++step) wanted.push_back(timeline.begin_step());
  EXPECT_EQ(wanted, (std::vector<bool>{false, true, true, false, false}));
}

TEST(Timeline, WritesTraceEventsThatStartAtZero) {
  const test::TemporaryFolder folder;
  const auto path = (folder.path() / "trace.json").string();
  Timeline timeline;
  timeline.add({{"forward", Track::kCompute, at(10), at(14), 7},
                {"reduce bucket 0", Track::kCommunication, at(12), at(20), 7},
                {"reduce bucket 1", Track::kCommunication, at(13), at(19), 7}});
  const auto ranks = collectives::make_single();
  timeline.write(path, *ranks);
  const auto trace = nlohmann::json::parse(std::ifstream(path));
  std::map<std::string, int> phases;
  for (const auto& event : trace.at("traceEvents")) {
    ++phases[event.at("ph").get<std::string>()];
    EXPECT_TRUE(event.at("name").is_string());
    EXPECT_EQ(event.at("pid"), 0);
    if (event.at("name") == "forward") {
      EXPECT_NEAR(event.at("ts").get<double>(), 0, 1);
      EXPECT_NEAR(event.at("dur").get<double>(), 4000, 1);
      EXPECT_EQ(event.at("args").at("step"), 7);
    }
    if (event.at("ph") == "e" && event.at("name") == "reduce bucket 0") {
      EXPECT_NEAR(event.at("ts").get<double>(), 10000, 1);
    }
  }
  EXPECT_EQ(phases, (std::map<std::string, int>{{"M", 3}, {"X", 1}, {"b", 2}, {"e", 2}}));
}

TEST(Timeline, NamesTheFileThatCannotBeWritten) {
  const auto ranks = collectives::make_single();
  EXPECT_THROW(Timeline().write("/nonexistent/trace.json", *ranks), DataError);
}

}  // namespace
}  // namespace trireme
