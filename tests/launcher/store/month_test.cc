#include <gtest/gtest.h>

#include <cmath>

#include "store/history.h"
#include "support/temporary_folder.h"

// Thirty simulated days of one rank at 1 Hz, as the scheduler writes them: 64 ranks of it must fit in 200 MB.
namespace trireme::launcher {
namespace {

constexpr std::int64_t kBegin = 1'760'000'000;  // seconds since the epoch
constexpr std::int64_t kSeconds = 30 * 86'400;
constexpr std::int64_t kBytesOfARank = 200'000'000 / 64;
constexpr std::int64_t kSecondsAWrite = 256;

double step_ms_at(std::int64_t second) { return 50 + 5 * std::sin(static_cast<double>(second) / 1000); }

std::map<std::string, double> metrics_at(std::int64_t second) {
  const auto noise = static_cast<double>((second * 2654435761U) % 1000) / 1000;
  return {{"loss", 3 + noise},
          {"step_ms", step_ms_at(second)},
          {"exposed_comm_ms", 1 + noise},
          {"memory_mib", 900 + std::floor(10 * noise)},
          {"tokens_per_s", 40'000 + 100 * noise}};
}

class Month {
 public:
  Month() {
    History history(file());
    for (std::int64_t begin = 0; begin < kSeconds; begin += kSecondsAWrite) {
      Curve curve;
      for (std::int64_t second = begin; second < begin + kSecondsAWrite; ++second) {
        add_record(curve, (kBegin + second) * 1000, second, metrics_at(second));
      }
      history.save_points({{"r-0001", 5, std::move(curve)}});
      while (history.compact(16)) {
      }
    }
  }

  [[nodiscard]] std::filesystem::path file() const { return folder_ / "history.sqlite"; }

 private:
  const test::TemporaryFolder folder_;
};

void answers_every_window(const History& history) {
  const auto whole = history.curve({.run_id = "r-0001", .rank = 5});
  EXPECT_EQ(whole.size(), history.curve({.run_id = "r-0001", .rank = 5, .limit = 1'000'000}).size());
  EXPECT_NEAR(whole.front().time, kBegin, 600);
  for (const std::int64_t back : {60L, 3600L, 86'400L, 7 * 86'400L, 40 * 86'400L}) {
    for (const std::size_t limit : {1U, 100U, 2000U}) {
      const double from = static_cast<double>(kBegin + kSeconds - back);
      const auto points = history.curve({.run_id = "r-0001", .rank = 5, .from = from, .limit = limit});
      ASSERT_LE(points.size(), limit);
      EXPECT_EQ(points.back().step, kSeconds - 1);
      EXPECT_EQ(points.back().metrics, metrics_at(kSeconds - 1));
      EXPECT_GE(points.front().time, from);
    }
  }
}

void keeps_every_tier_as_fine_as_it_says(const History& history) {
  const auto spacing = [&](std::int64_t age) {
    const double at = static_cast<double>(kBegin + kSeconds - age);
    const auto points = history.curve({.run_id = "r-0001", .rank = 5, .from = at - 6000, .to = at});
    return 6000.0 / static_cast<double>(points.size());
  };
  EXPECT_NEAR(spacing(0), 1, 0.7);
  EXPECT_NEAR(spacing(20 * 3600), 10, 1);
  EXPECT_NEAR(spacing(3 * 86'400), 60, 2);
  EXPECT_NEAR(spacing(20 * 86'400), 600, 60);
  const auto old = history.curve({.run_id = "r-0001", .rank = 5, .to = static_cast<double>(kBegin + 86'400)});
  EXPECT_FALSE(old.front().metrics.contains("loss"));
  for (const MetricPoint& point : old) {
    ASSERT_LE(point.low.at("step_ms"), point.metrics.at("step_ms"));
    ASSERT_GE(point.high.at("step_ms"), point.metrics.at("step_ms"));
    ASSERT_NEAR(point.metrics.at("step_ms"), step_ms_at(point.step), 3);
  }
}

TEST(Month, IsSmallAndAsFineAsTheTiersSay) {
  const Month month;
  const auto bytes = static_cast<std::int64_t>(std::filesystem::file_size(month.file()));
  testing::Test::RecordProperty("bytes", std::to_string(bytes));
  EXPECT_LT(bytes, kBytesOfARank);
  const History history(month.file());
  answers_every_window(history);
  keeps_every_tier_as_fine_as_it_says(history);
}

}  // namespace
}  // namespace trireme::launcher
