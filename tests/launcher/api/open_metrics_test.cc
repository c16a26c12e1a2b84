#include "api/open_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "api/rank_columns.h"
#include "api/task_json.h"

// The state as other programs read it.
namespace trireme::launcher {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

ClusterSnapshot cluster() {
  ClusterSnapshot snapshot{.revision = 12, .name = "lab \"one\"", .state = "up", .provider = "local"};
  snapshot.nodes = {{.name = "a", .state = "up"}, {.name = "b", .state = "up"}, {.name = "c", .state = "lost"}};
  RunView run{.run_id = "r-0001", .name = "train", .status = "running", .ranks = 2};
  for (int i = 0; i < 2; ++i) {
    RankView rank{.rank = i, .node = i == 0 ? "a" : "b", .state = "running"};
    rank.progressed = 90;
    rank.busy_ms = 41.23456;
    rank.status = StatusRecord{.rank = i,
                               .time = 99,
                               .phase = "train",
                               .step = 7,
                               .metrics = {{"step_ms", 50.0 + i}, {"memory_mib", 2}},
                               .collective = CollectiveStatus{.sequence = 9, .op = "all_reduce", .bytes = 64}};
    run.rank_views.push_back(rank);
  }
  run.metrics = {{"loss", 1.5}};
  run.insight = {.condition = Condition::kSlowRank, .efficiency = 0.875};
  RunView ended{.run_id = "r-0000", .name = "old", .status = "succeeded"};
  ended.ended = 5;
  snapshot.runs = {run, ended};
  return snapshot;
}

TEST(OpenMetrics, WritesFamiliesWithLabelsAndTheEnd) {
  const std::string text = open_metrics(cluster(), nullptr);
  EXPECT_THAT(text, HasSubstr("trireme_cluster_info{name=\"lab \\\"one\\\"\",provider=\"local\",state=\"up\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("trireme_nodes{state=\"lost\"} 1\ntrireme_nodes{state=\"up\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("trireme_run_condition{run=\"r-0001\",name=\"train\",condition=\"slow rank\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("# UNIT trireme_rank_step_seconds seconds\n"));
  EXPECT_THAT(text, HasSubstr("trireme_rank_step_seconds{run=\"r-0001\",rank=\"1\",node=\"b\"} 0.051"));
  EXPECT_THAT(text, HasSubstr("trireme_rank_memory_bytes{run=\"r-0001\",rank=\"0\",node=\"a\"} 2097152\n"));
  EXPECT_THAT(text, EndsWith("\n# EOF\n"));
  EXPECT_THAT(text, Not(HasSubstr("r-0000")));
  EXPECT_THAT(text, Not(HasSubstr("dask_")));
}

TEST(OpenMetrics, BearsDasksNamesForTasks) {
  const TaskBoard board{.clients = 2, .totals = {.memory = 5}, .workers = {{.status = "running"}}};
  const std::string text = open_metrics(cluster(), &board);
  EXPECT_THAT(text, HasSubstr("dask_scheduler_clients 2\n"));
  EXPECT_THAT(text, HasSubstr("dask_scheduler_workers{state=\"running\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("dask_scheduler_tasks{state=\"memory\"} 5\n"));
}

TEST(RankColumns, HaveOneEntryARankAndAgesForTimes) {
  const auto columns = rank_columns(cluster().runs[0], 100);
  EXPECT_EQ(columns["ranks"], 2);
  EXPECT_EQ(columns["node"]["names"], nlohmann::json({"a", "b"}));
  EXPECT_EQ(columns["node"]["index"], nlohmann::json({0, 1}));
  EXPECT_EQ(columns["step"], nlohmann::json({7, 7}));
  EXPECT_EQ(columns["heard"], nlohmann::json({1, 1}));
  EXPECT_EQ(columns["progressed"], nlohmann::json({10, 10}));
  EXPECT_EQ(columns["busy_ms"], nlohmann::json({41.23, 41.23}));
  EXPECT_EQ(columns["exposed_ms"], nlohmann::json({nullptr, nullptr}));
  EXPECT_EQ(columns["collective"]["op"]["names"], nlohmann::json({"all_reduce"}));
}

TEST(TaskJson, CountsAsDaskDoes) {
  TaskBoard board{.clients = 1, .totals = {.waiting = 3, .processing = 2, .memory = 4, .erred = 1}};
  board.workers = {{.address = "tcp://10.0.0.1:4001", .threads = 2, .processing = 2, .held_bytes = 10},
                   {.address = "tcp://10.0.0.1:4002", .threads = 2, .processing = 0, .held_bytes = 5}};
  const auto counts = dask_counts(board);
  EXPECT_EQ(counts["tasks"], 10);
  EXPECT_EQ(counts["hosts"], 1);
  EXPECT_EQ(counts["workers"], 2);
  EXPECT_EQ(counts["idle"], 1);
  EXPECT_EQ(counts["saturated"], 1);
  EXPECT_EQ(counts["bytes"], 15);
}

TEST(TaskJson, KeepsThreadsThatJavaScriptCannotCount) {
  const auto rows = to_json(std::vector<TaskSpan>{{.sequence = 3, .prefix = "inc", .thread = 140'737'488'355'327'001}});
  EXPECT_EQ(rows[0]["thread"], "140737488355327001");
}

}  // namespace
}  // namespace trireme::launcher
