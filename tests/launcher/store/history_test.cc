#include "store/history.h"

#include <gtest/gtest.h>

#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "store/schema.h"
#include "support/temporary_folder.h"
#include "trireme/base/error.h"

namespace trireme::launcher {
namespace {

// What the schema of version 2 was, with a run and two points.
constexpr const char* kSecondSchema = R"(
  CREATE TABLE runs (run_id TEXT PRIMARY KEY, number INTEGER NOT NULL, status TEXT NOT NULL, submitted REAL NOT NULL,
                     folder TEXT NOT NULL, document TEXT NOT NULL);
  CREATE INDEX runs_by_number ON runs (number);
  CREATE TABLE nodes (name TEXT PRIMARY KEY, state TEXT NOT NULL, host TEXT NOT NULL, gpus INTEGER NOT NULL,
                      last_seen REAL NOT NULL);
  CREATE TABLE points (run_id TEXT NOT NULL, rank INTEGER NOT NULL, time REAL NOT NULL, step INTEGER NOT NULL,
                       metrics TEXT NOT NULL);
  CREATE INDEX points_by_run ON points (run_id, time);
  INSERT INTO runs VALUES ('r-0007', 7, 'succeeded', 1, '/runs/r-0007', '{"run_id":"r-0007","status":"succeeded"}');
  INSERT INTO points VALUES ('r-0007', 0, 1000.25, 5, '{"loss":2.5}'), ('r-0007', 0, 1001.25, 6, '{"loss":2.25}'),
                            ('r-0007', 0, 1002.25, 7, 'damaged');
)";
constexpr const char* kActiveRuns = R"(
  CREATE TABLE active_runs (run_id TEXT PRIMARY KEY, number INTEGER NOT NULL, document BLOB NOT NULL);
  INSERT INTO active_runs VALUES ('r-0008', 8, 'bytes');
)";

void make_old(const std::filesystem::path& file, int version) {
  const Database database(file);
  database.execute(kSecondSchema);
  if (version == 2) database.execute(kActiveRuns);
  database.execute(version == 2 ? "PRAGMA user_version = 2" : "PRAGMA user_version = 1");
}

TEST(History, TakesOverFilesOfOlderSchemas) {
  for (const int version : {1, 2}) {
    const test::TemporaryFolder folder;
    make_old(folder / "history.sqlite", version);
    for (int start = 0; start < 2; ++start) {
      History history(folder / "history.sqlite");
      EXPECT_EQ(history.runs(10).front().run_id, "r-0007");
      EXPECT_EQ(history.active_documents().size(), version == 2 ? 1U : 0U);
      const std::vector<MetricPoint> points = history.curve({.run_id = "r-0007"});
      ASSERT_EQ(points.size(), 2U);
      EXPECT_EQ(points.back().time, 1001.25);
      EXPECT_EQ(points.back().step, 6);
      EXPECT_EQ(points.back().metrics.at("loss"), 2.25);
    }
  }
}

// What version 3 had of it.
TEST(History, TakesOverNodesThatWereDrainedWhenNoneCouldLeave) {
  const test::TemporaryFolder folder;
  {
    const Database database(folder / "history.sqlite");
    upgrade_schema(database);
    database.execute("ALTER TABLE drains DROP COLUMN is_leaving");
    database.execute("INSERT INTO drains VALUES ('node1', 12.5)");
    database.execute("PRAGMA user_version = 3");
  }
  History history(folder / "history.sqlite");
  EXPECT_EQ(history.drains(), (std::map<std::string, Drain>{{"node1", {12.5, false}}}));
}

TEST(History, RejectsAFileOfANewerSchema) {
  const test::TemporaryFolder folder;
  Database(folder / "history.sqlite").execute("PRAGMA user_version = 99");
  EXPECT_THROW(History(folder / "history.sqlite"), DataError);
}

TEST(History, KeepsEventsInTheirOrder) {
  const test::TemporaryFolder folder;
  {
    History history(folder / "history.sqlite");
    EXPECT_EQ(history.newest_event(), 0U);
    EXPECT_EQ(history.save_event({.time = 1.5, .kind = "node_up", .node = "node0"}), 1U);
    EXPECT_EQ(history.save_event({.time = 2.5, .kind = "run_failed", .run_id = "r-0001", .text = "it's over"}), 2U);
  }
  const History history(folder / "history.sqlite");
  const ClusterEvent second{2, 2.5, "run_failed", "", "r-0001", "it's over"};
  EXPECT_EQ(history.events(1, 10), (std::vector{second}));
  EXPECT_EQ(history.events(0, 1).front().node, "node0");
  EXPECT_TRUE(history.events(2, 10).empty());
}

TEST(History, KeepsTheNewestEventsOnly) {
  const test::TemporaryFolder folder;
  const Database database(folder / "history.sqlite");
  upgrade_schema(database);
  database.execute(R"(WITH RECURSIVE number(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM number WHERE n < 101999)
                      INSERT INTO events SELECT n, 0, 'node_up', 'node0', '', '' FROM number)");
  EventTable events(database);
  EXPECT_EQ(events.append({.kind = "node_up"}), 102'000U);
  EXPECT_EQ(events.after(0, 1).front().sequence, 102'000U - EventTable::kMostEvents + 1);
}

TEST(History, RemembersDrainedNodesAndWhatWasAskedFor) {
  const test::TemporaryFolder folder;
  const std::string bytes("\0spec", 5);
  {
    History history(folder / "history.sqlite");
    history.save_drain("node0", Drain{});
    history.save_drain("node1", Drain{12.5, false});
    history.save_drain("node2", Drain{});
    history.save_drain("node2", Drain{0, true});
    history.save_drain("node0", std::nullopt);
    history.save_spec("r-0001", bytes);
  }
  History history(folder / "history.sqlite");
  EXPECT_EQ(history.drains(), (std::map<std::string, Drain>{{"node1", {12.5, false}}, {"node2", {0, true}}}));
  EXPECT_EQ(history.spec("r-0001"), bytes);
  EXPECT_EQ(history.spec("r-0002"), "");
  history.forget_drains();
  EXPECT_TRUE(history.drains().empty());
}

// A process that is killed while it writes and folds: the next one has every record that was written, once.
TEST(History, KeepsCurvesThroughSigkill) {
  const test::TemporaryFolder folder;
  int told[2];
  ASSERT_EQ(::pipe(told), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    History history(folder / "history.sqlite");
    for (std::int64_t second = 0;; ++second) {
      Curve curve;
      add_record(curve, second * 1000, second, {{"loss", 1.0}});
      history.save_points({{"r-0001", 0, curve}});
      history.compact(4);
      if (::write(told[1], &second, sizeof second) != sizeof second) ::_exit(1);
    }
  }
  std::int64_t written = 0;
  while (written < 1000) ASSERT_EQ(::read(told[0], &written, sizeof written), sizeof written);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(told[1]);
  std::int64_t later = 0;
  while (::read(told[0], &later, sizeof later) == sizeof later) written = later;
  ::close(told[0]);

  History history(folder / "history.sqlite");
  while (history.compact(100)) {
  }
  const std::vector<MetricPoint> points = history.curve({.run_id = "r-0001"});
  ASSERT_GE(points.size(), static_cast<std::size_t>(written) + 1);
  for (std::size_t index = 0; index < points.size(); ++index) {
    ASSERT_EQ(points[index].step, static_cast<std::int64_t>(index));
  }
}

}  // namespace
}  // namespace trireme::launcher
