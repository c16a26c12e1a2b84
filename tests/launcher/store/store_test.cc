#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "store/history.h"
#include "store/log_book.h"
#include "store/metric_book.h"
#include "support/temporary_folder.h"
#include "trireme/base/error.h"

namespace trireme::launcher {
namespace {

RunView example_run(const std::string& run_id) {
  RunView run{.run_id = run_id, .name = "train", .status = "failed", .exit_code = 137, .reason = "rank 2 died"};
  run.command = {"/bin/train", "--steps", "3"};
  run.ranks = 4;
  run.nodes = {"node0", "node1"};
  run.submitted = 10.5;
  run.started = 11.0;
  run.ended = 12.0;
  run.metrics = {{"loss", 1.5}};
  run.rank_views = {{.rank = 2, .node = "node1", .state = "exited", .exit_code = 137, .exit_cause = "killed"}};
  return run;
}

TEST(RunJson, ComesBackAsItWas) {
  const RunView run = example_run("r-0001");
  EXPECT_EQ(to_json(run_view_from_json(to_json(run))), to_json(run));
}

TEST(RunJson, RejectsWhatIsNoRun) {
  EXPECT_THROW(static_cast<void>(run_view_from_json(nlohmann::json::parse("[1]"))), DataError);
}

TEST(History, KeepsRunsAndCurvesAcrossRestarts) {
  const test::TemporaryFolder folder;
  {
    History history(folder / "history.sqlite");
    EXPECT_EQ(history.next_run_number(), 1);
    history.save_run(example_run("r-0001"));
    history.save_run(example_run("r-0002"));
    Curve curve;
    add_record(curve, 1000, 5, {{"loss", 2.5}});
    history.save_points({{"r-0002", 0, curve}});
  }
  const History history(folder / "history.sqlite");
  EXPECT_EQ(history.next_run_number(), 3);
  ASSERT_EQ(history.runs(10).size(), 2U);
  EXPECT_EQ(history.runs(10).front().run_id, "r-0002");
  ASSERT_EQ(history.curve({.run_id = "r-0002"}).size(), 1U);
  EXPECT_EQ(history.curve({.run_id = "r-0002"}).front().metrics.at("loss"), 2.5);
}

TEST(History, KeepsTheDocumentsOfRunsUntilTheyEnd) {
  const test::TemporaryFolder folder;
  const std::string bytes("\0\xff bytes", 8);
  {
    History history(folder / "history.sqlite");
    history.save_run(example_run("r-0010"), "ten");
    history.save_run(example_run("r-0009"), "nine");
    history.save_run(example_run("r-0009"), bytes);
    history.save_run(example_run("r-0011"), "eleven");
    history.save_run(example_run("r-0011"));
  }
  const History history(folder / "history.sqlite");
  EXPECT_EQ(history.active_documents(), (std::vector<std::string>{bytes, "ten"}));
}

TEST(History, NamesTheFileThatIsNoDatabase) {
  const test::TemporaryFolder folder;
  const std::filesystem::path file = folder.write("history.sqlite", std::string(4096, 'x'));
  try {
    const History history(file);
    FAIL() << "a file of x was opened";
  } catch (const DataError& error) {
    EXPECT_NE(std::string(error.what()).find(file.string()), std::string::npos);
  }
}

TEST(LogLine, SurvivesTheRoundTrip) {
  for (const LogEntry& entry : {LogEntry{3, false, "hello"}, LogEntry{12, true, "[x] !"}, LogEntry{0, false, ""}}) {
    EXPECT_EQ(parse_log_line(format_log_line(entry)), entry);
  }
  EXPECT_EQ(parse_log_line("[no prefix"), (LogEntry{0, false, "[no prefix"}));
}

TEST(LogBook, ReadsOnWhereItStopped) {
  const test::TemporaryFolder folder;
  LogBook logs(folder.path());
  logs.append("r-0001", {{0, false, "one"}, {1, true, "two"}});
  const LogBook::Piece first = logs.read("r-0001", 0);
  ASSERT_EQ(first.entries.size(), 2U);
  EXPECT_TRUE(logs.read("r-0001", first.next).entries.empty());
  logs.append("r-0001", {{0, false, "three"}});
  ASSERT_EQ(logs.read("r-0001", first.next).entries.size(), 1U);
  EXPECT_EQ(logs.tail("r-0001", 2).front().text, "two");
  EXPECT_TRUE(logs.read("r-0099", 0).entries.empty());
}

TEST(LogBook, FindsWhereTheLastWantedLinesBegin) {
  const test::TemporaryFolder folder;
  LogBook logs(folder.path());
  std::vector<LogEntry> entries;
  for (int line = 0; line < 40'000; ++line) entries.push_back({line % 2, false, "line " + std::to_string(line)});
  logs.append("r-0001", entries);
  const auto is_of_rank_1 = [](const LogEntry& entry) { return entry.rank == 1; };
  for (const std::size_t lines : {1U, 3U, 15'000U, 20'000U}) {
    const LogBook::Piece piece = logs.read("r-0001", logs.tail_offset("r-0001", lines, is_of_rank_1));
    EXPECT_EQ(piece.entries.front().text, "line " + std::to_string(40'000 - 2 * lines + 1));
  }
  EXPECT_EQ(logs.tail_offset("r-0001", 20'001, is_of_rank_1), std::string("[0] line 0\n").size());
  EXPECT_TRUE(logs.read("r-0001", logs.tail_offset("r-0001", 0, is_of_rank_1)).entries.empty());
  EXPECT_EQ(logs.tail_offset("r-0099", 5, is_of_rank_1), 0U);
}

TEST(LogBook, LeavesOutLinesThatComeTwice) {
  const test::TemporaryFolder folder;
  using Lines = std::vector<std::string>;
  {
    LogBook logs(folder.path());
    EXPECT_EQ(logs.append_once("r-0001", 0, false, 0, {"a", "b"}), (Lines{"a", "b"}));
    EXPECT_EQ(logs.append_once("r-0001", 0, false, 1, {"b", "c"}), (Lines{"c"}));
    EXPECT_EQ(logs.append_once("r-0001", 0, true, 0, {"error"}), (Lines{"error"}));
  }
  // The next scheduler's; the one of before was killed within a line.
  std::ofstream(folder / "r-0001/output.log", std::ios::app) << "[0] ha";
  LogBook logs(folder.path());
  EXPECT_EQ(logs.append_once("r-0001", 0, false, 0, {"a", "b", "c"}), Lines{});
  EXPECT_EQ(logs.append_once("r-0001", 0, false, 2, {"c", "half"}), (Lines{"half"}));
  EXPECT_EQ(logs.append_once("r-0001", 0, true, 0, {"error", "more"}), (Lines{"more"}));
  std::string text;
  for (const LogEntry& entry : logs.read("r-0001", 0).entries) text += format_log_line(entry) + "\n";
  EXPECT_EQ(text, "[0] a\n[0] b\n[0] c\n[0!] error\n[0] half\n[0!] more\n");
}

TEST(LogBook, TakesOnlyErrorsOnceItIsFull) {
  const test::TemporaryFolder folder;
  LogBook logs(folder.path(), 100);
  const std::vector<std::string> lines(50, "as long as this");
  EXPECT_EQ(logs.append_once("r-0001", 0, false, 0, lines).size(), 50U);
  logs.append_once("r-0001", 0, true, 0, {"why it failed"});
  logs.append_once("r-0001", 0, false, 50, {"more"});
  std::vector<std::string> texts;
  for (const LogEntry& entry : logs.tail("r-0001", 100)) texts.push_back(entry.text);
  ASSERT_GE(texts.size(), 3U);
  EXPECT_EQ(texts.back(), "why it failed");
  EXPECT_NE(texts[texts.size() - 2].find("standard error only"), std::string::npos);
  EXPECT_LT(std::filesystem::file_size(folder / "r-0001/output.log"), 300U);
}

TEST(LogBook, NamesTheFileItCannotWrite) {
  const test::TemporaryFolder folder;
  folder.write("r-0001", "a file where a folder must be");
  LogBook logs(folder.path());
  EXPECT_THROW(logs.append("r-0001", {{0, false, "x"}}), DataError);
}

TEST(MetricBook, ThinsACurveThatGrowsTooLong) {
  MetricBook metrics;
  const std::int64_t steps = 3 * static_cast<std::int64_t>(MetricBook::kMostPoints);
  for (std::int64_t step = 0; step < steps; ++step) {
    metrics.add({.run_id = "r-0001", .rank = 0, .step = step, .metrics = {{"loss", 1.0}}});
  }
  const std::vector<MetricPoint> points = metrics.points("r-0001", 0);
  EXPECT_LE(points.size(), MetricBook::kMostPoints);
  EXPECT_EQ(points.front().step, 0);
  EXPECT_GT(points.back().step, steps - 8);
  EXPECT_EQ(metrics.points("r-0001", 10).size(), 10U);
  EXPECT_EQ(metrics.points("r-0001", 10).back().step, points.back().step);
}

TEST(MetricBook, KeepsRareMetricsOfPointsThatItDrops) {
  MetricBook metrics;
  const std::int64_t steps = 5 * static_cast<std::int64_t>(MetricBook::kMostPoints);
  for (std::int64_t step = 1; step <= steps; ++step) {
    StatusRecord record{.run_id = "r-0001", .step = step, .metrics = {{"loss", 1.0}}};
    if (step == 777) record.metrics["val_loss"] = 2.5;
    metrics.add(record);
  }
  const auto carrying = [](const MetricPoint& point) { return point.metrics.contains("val_loss"); };
  const std::vector<MetricPoint> all = metrics.points("r-0001", 0);
  EXPECT_EQ(std::count_if(all.begin(), all.end(), carrying), 1);
  const std::vector<MetricPoint> few = metrics.points("r-0001", 7);
  EXPECT_EQ(few.size(), 7u);
  EXPECT_EQ(std::count_if(few.begin(), few.end(), carrying), 1);
}

TEST(MetricBook, GoesOnWithARestoredCurve) {
  MetricBook metrics;
  metrics.restore("r-0001", {{"r-0001", 0, 10.0, 1, {{"loss", 3.0}}}, {"r-0001", 0, 11.0, 2, {{"loss", 2.0}}}});
  for (const auto& [time, step] : {std::pair{11.0, 2}, std::pair{12.0, 3}}) {
    metrics.add({.run_id = "r-0001", .time = time, .step = step, .metrics = {{"loss", 1.0}}});
  }
  ASSERT_EQ(metrics.points("r-0001", 0).size(), 3U);
  EXPECT_EQ(metrics.points("r-0001", 0).back().step, 3);
}

TEST(MetricBook, IgnoresOtherRanksThanZero) {
  MetricBook metrics;
  metrics.add({.run_id = "r-0001", .rank = 1, .metrics = {{"loss", 1.0}}});
  EXPECT_TRUE(metrics.points("r-0001", 0).empty());
}

}  // namespace
}  // namespace trireme::launcher
