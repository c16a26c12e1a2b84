#include <gtest/gtest.h>

#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/temporary_folder.h"
#include "trireme/base/error.h"
#include "trireme/runtime/metrics.h"

namespace trireme {
namespace {

std::vector<nlohmann::json> lines_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::vector<nlohmann::json> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

TEST(MetricsWriter, WritesALinePerCallAndEvents) {
  const test::TemporaryFolder folder;
  {
    MetricsWriter writer((folder / "run").string());
    writer.write(1, {{"loss", 2.5}, {"step_ms", 10}});
    writer.write(2, {{"loss", std::numeric_limits<double>::quiet_NaN()}});
  }
  const auto lines = lines_of(folder / "run" / "metrics.jsonl");
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0]["step"], 1);
  EXPECT_EQ(lines[0]["loss"], 2.5);
  EXPECT_GT(lines[0]["time"], 1.7e9);
  EXPECT_TRUE(lines[1]["loss"].is_null());
  EXPECT_FALSE(std::filesystem::is_empty(folder / "run" / "tensorboard"));
}

TEST(MetricsWriter, GoesOnInTheFileOfAnEarlierStart) {
  const test::TemporaryFolder folder;
  for (int start = 0; start < 2; ++start) MetricsWriter(folder.path().string()).write(start, {{"loss", 1}});
  EXPECT_EQ(lines_of(folder / "metrics.jsonl").size(), 2U);
}

TEST(MetricsWriter, NamesARunDirectoryThatCannotBeMade) {
  const test::TemporaryFolder folder;
  folder.write("run", "in the way");
  try {
    MetricsWriter writer((folder / "run" / "a").string());
    FAIL();
  } catch (const DataError& error) {
    EXPECT_NE(std::string(error.what()).find("cannot make the run directory"), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace trireme
