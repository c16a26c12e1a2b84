#include "scheduler/run_insight.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scheduler/snapshot.h"

// What is said of runs in every state that people ask about.
namespace trireme::launcher {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr double kNow = 1000;

struct RankFacts {
  double step_ms = 100;
  double exposed_ms = 5;
  double straggler_ms = 5;
  double heard = kNow;       // its newest record
  double progressed = kNow;  // its newest step
  CollectiveStatus collective{.sequence = 40, .op = "all_reduce", .bytes = 4 << 20};
};

RankView make_rank(int number, const RankFacts& facts) {
  RankView rank{.rank = number, .node = "node" + std::to_string(number), .state = "running"};
  rank.progressed = facts.progressed;
  rank.pace_ms = facts.step_ms;
  rank.busy_ms = facts.step_ms - facts.exposed_ms - facts.straggler_ms;
  rank.status = StatusRecord{.rank = number,
                             .time = facts.heard,
                             .phase = "train",
                             .step = 50,
                             .total_steps = 150,
                             .metrics = {{"step_ms", facts.step_ms},
                                         {"exposed_comm_ms", facts.exposed_ms},
                                         {"straggler_ms", facts.straggler_ms}},
                             .collective = facts.collective};
  return rank;
}

RunView make_run(const std::vector<RankFacts>& facts) {
  RunView run{.run_id = "r-0001", .name = "train", .status = "running", .ranks = static_cast<int>(facts.size())};
  run.started = kNow - 100;
  for (std::size_t i = 0; i < facts.size(); ++i) {
    run.rank_views.push_back(make_rank(static_cast<int>(i), facts[i]));
    run.nodes.push_back("node" + std::to_string(i));
  }
  return run;
}

std::vector<NodeView> nodes_of(const RunView& run) {
  std::vector<NodeView> nodes;
  for (const auto& name : run.nodes) nodes.push_back({.name = name, .state = "up"});
  return nodes;
}

RunInsight insight_into(const RunView& run) { return look_at(run, nodes_of(run), kNow); }

// Waiting in number 41 since ten steps and more.
RankFacts waiting() {
  return {.progressed = kNow - 30,
          .collective = {.sequence = 41, .op = "all_reduce", .bytes = 4 << 20, .is_running = true}};
}

TEST(RunInsight, HealthyRunsSayHowWellTheyScaleAndWhenTheyEnd) {
  const auto insight = insight_into(make_run({{}, {}, {}, {}}));
  EXPECT_EQ(insight.condition, Condition::kHealthy);
  EXPECT_THAT(insight.headline, HasSubstr("90 %"));
  EXPECT_THAT(insight.suspects, IsEmpty());
  EXPECT_NEAR(*insight.efficiency, 0.90, 1e-9);
  EXPECT_NEAR(*insight.exposed, 0.05, 1e-9);
  EXPECT_NEAR(*insight.straggling, 0.05, 1e-9);
  EXPECT_NEAR(*insight.remaining, 10, 1e-9);
  EXPECT_NEAR(insight.node_seconds, 400, 1e-9);
}

TEST(RunInsight, NamesTheRankThatTheOthersWaitFor) {
  const RankFacts waits{.step_ms = 200, .straggler_ms = 95};
  const auto insight = insight_into(make_run({waits, waits, {.step_ms = 200, .straggler_ms = 0}, waits}));
  EXPECT_EQ(insight.condition, Condition::kSlowRank);
  EXPECT_THAT(insight.suspects, ElementsAre(2));
  EXPECT_EQ(insight.headline, "rank 2 on node2 computes 195 ms a step where the others need 100: all wait for it");
  EXPECT_NEAR(*insight.efficiency, 0.5, 1e-9);
}

TEST(RunInsight, SmallDifferencesAreNobodysFault) {
  const RankFacts waits{.step_ms = 12, .straggler_ms = 3};
  const auto insight = insight_into(make_run({waits, waits, {.step_ms = 12, .straggler_ms = 0}}));
  EXPECT_EQ(insight.condition, Condition::kHealthy);
}

TEST(RunInsight, NamesTheRankThatDoesNotComeAndWhereTheOthersAre) {
  const auto insight = insight_into(make_run({waiting(), {.progressed = kNow - 30}, waiting(), waiting()}));
  EXPECT_EQ(insight.condition, Condition::kStalled);
  EXPECT_THAT(insight.suspects, ElementsAre(1));
  EXPECT_EQ(
      insight.headline,
      "ranks 0, 2, 3 are in all_reduce #41 (4.0 MiB); rank 1 on node1 has not come (last: all_reduce #40 (4.0 MiB))");
  EXPECT_NEAR(*insight.stalled, 30, 1e-9);
  EXPECT_FALSE(insight.remaining);
}

TEST(RunInsight, TellsARankThatIsStuckInsideFromOneThatIsOutside) {
  RankFacts inside{.progressed = kNow - 30};
  inside.collective.is_running = true;
  const auto insight = insight_into(make_run({waiting(), inside}));
  EXPECT_THAT(insight.headline, HasSubstr("rank 1 on node1 has not come (still in all_reduce #40"));
  EXPECT_THAT(insight.advice, HasSubstr("the others have left"));
}

TEST(RunInsight, NamesTheRankThatSaysNothing) {
  RankFacts silent = waiting();
  silent.heard = kNow - 29;
  const auto insight = insight_into(make_run({waiting(), waiting(), silent}));
  EXPECT_EQ(insight.condition, Condition::kStalled);
  EXPECT_THAT(insight.suspects, ElementsAre(2));
  EXPECT_THAT(insight.headline, HasSubstr("rank 2 on node2 says nothing for 29 s"));
}

TEST(RunInsight, PointsAtTheNetworkWhenNobodyIsMissing) {
  const auto insight = insight_into(make_run({waiting(), waiting()}));
  EXPECT_EQ(insight.condition, Condition::kStalled);
  EXPECT_EQ(insight.headline, "all ranks are in all_reduce #41 (4.0 MiB), which does not end");
  EXPECT_THAT(insight.advice, HasSubstr("launcher doctor"));
}

TEST(RunInsight, LongStepsAreNoStall) {
  const RankFacts slow{.step_ms = 5000, .progressed = kNow - 30};
  EXPECT_EQ(insight_into(make_run({slow, slow})).condition, Condition::kHealthy);
}

TEST(RunInsight, SaysWhoIsGoneAndWhy) {
  auto run = make_run({{}, {}, {}});
  run.rank_views[1].state = "exited";
  run.rank_views[1].exit_code = 137;
  run.rank_views[1].exit_cause = "killed by signal 9 (SIGKILL)";
  const auto insight = insight_into(run);
  EXPECT_EQ(insight.condition, Condition::kEnding);
  EXPECT_THAT(insight.suspects, ElementsAre(1));
  EXPECT_EQ(insight.headline, "rank 1 on node1 is gone: killed by signal 9 (SIGKILL)");
}

TEST(RunInsight, SaysThatANodeDoesNotAnswer) {
  auto run = make_run({{}, {}});
  run.rank_views[1].state = "lost";
  run.rank_views[1].exit_cause = "node1 lost";
  auto nodes = nodes_of(run);
  nodes[1].state = "lost";
  EXPECT_THAT(look_at(run, nodes, kNow).advice, HasSubstr("its node does not answer"));
}

TEST(RunInsight, StartsArePatientButNotForever) {
  auto run = make_run({{}, {}});
  for (auto& rank : run.rank_views) rank.progressed = 0;
  run.rank_views[0].status->collective = CollectiveStatus{.sequence = 1, .op = "barrier", .is_running = true};
  run.rank_views[1].status->collective.reset();
  run.started = kNow - 20;
  EXPECT_EQ(insight_into(run).condition, Condition::kStarting);
  run.started = kNow - 90;
  const auto late = insight_into(run);
  EXPECT_EQ(late.condition, Condition::kStalled);
  EXPECT_EQ(late.headline, "rank 0 on node0 is in barrier #1 (0 B); rank 1 on node1 has not come");
}

TEST(RunInsight, QueuedAndEndedRunsSayWhy) {
  RunView queued{.run_id = "r-2", .status = "queued", .reason = "waits for a node"};
  EXPECT_EQ(insight_into(queued).headline, "waits for a node");
  RunView failed{.run_id = "r-3", .status = "failed", .reason = "rank 1 was killed"};
  failed.ended = kNow - 1;
  const auto insight = insight_into(failed);
  EXPECT_EQ(insight.condition, Condition::kEnded);
  EXPECT_EQ(insight.headline, "rank 1 was killed");
  EXPECT_EQ(insight.advice, "launcher debug r-3");
}

TEST(RunInsight, ThousandRanksAreNamedBriefly) {
  std::vector<RankFacts> facts(1000, waiting());
  for (int i = 0; i < 10; ++i) facts[static_cast<std::size_t>(i)] = {.progressed = kNow - 30};
  const auto insight = insight_into(make_run(facts));
  EXPECT_EQ(insight.suspects.size(), 10U);
  EXPECT_THAT(insight.headline, HasSubstr("and 6 more have not come"));
}

}  // namespace
}  // namespace trireme::launcher
