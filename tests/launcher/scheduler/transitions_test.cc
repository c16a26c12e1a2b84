#include "scheduler/transitions.h"

#include <gtest/gtest.h>

#include <csignal>

#include "trireme/base/message.h"

namespace trireme::launcher {
namespace {

// Feeds events to the pure core at a time the test sets, and remembers what it asked for.
class Cluster {
 public:
  explicit Cluster(int nodes) {
    for (int index = 0; index < nodes; ++index) happen(NodeRegistered{message("node{}", index), "127.0.0.1", 0});
  }

  std::vector<Effect> happen(const Event& event) {
    Transition transition = apply(std::move(state_), event, now_);
    state_ = std::move(transition.state);
    return transition.effects;
  }
  void pass(Seconds seconds) { now_ += seconds; }
  // Time passes while every node goes on to be heard.
  std::vector<Effect> pass_with_heartbeats(Seconds seconds) {
    now_ += seconds;
    for (const Node& node : std::vector<Node>(state_.nodes)) happen(NodeHeard{node.name});
    return happen(Tick{});
  }
  std::string submit(int ranks, Starter starter = Starter::kMpirun) {
    happen(RunSubmitted{{.command = {"/bin/program"}, .ranks = ranks, .starter = starter}});
    return state_.runs.back().id;
  }
  // Submitted, and every rank runs.
  std::string running(int ranks, Starter starter = Starter::kMpirun) {
    const std::string run_id = submit(ranks, starter);
    happen(StoreOpened{run_id, 4000, 4001, ""});
    for (int rank = 0; rank < ranks; ++rank) happen(RankStarted{run_id, rank});
    return run_id;
  }
  [[nodiscard]] const Run& run(const std::string& run_id) const { return *find_run(state_, run_id); }
  [[nodiscard]] const ClusterState& state() const { return state_; }

 private:
  ClusterState state_;
  Seconds now_ = 1000;
};

template <typename T>
std::vector<T> only(const std::vector<Effect>& effects) {
  std::vector<T> chosen;
  for (const Effect& effect : effects) {
    if (const T* found = std::get_if<T>(&effect)) chosen.push_back(*found);
  }
  return chosen;
}

TEST(Transitions, KeepNodesInTheOrderOfTheirNumbers) {
  Cluster cluster(12);
  EXPECT_EQ(cluster.state().nodes[2].name, "node2");
  EXPECT_EQ(cluster.state().nodes[10].name, "node10");
}

TEST(Transitions, OpenTheStoreOnTheFirstNodeBeforeAnythingStarts) {
  Cluster cluster(2);
  const auto effects = cluster.happen(RunSubmitted{{.command = {"/bin/program"}, .ranks = 2}});
  ASSERT_EQ(only<OpenStoreOn>(effects).size(), 1U);
  EXPECT_EQ(only<OpenStoreOn>(effects).front().node, "node0");
  EXPECT_TRUE(only<StartRunOn>(effects).empty());
}

TEST(Transitions, StartEveryNodeOnceTheStoreIsOpen) {
  Cluster cluster(4);
  const std::string run_id = cluster.submit(4);
  EXPECT_EQ(only<StartRunOn>(cluster.happen(StoreOpened{run_id, 4000, 4001, ""})).size(), 4U);
  EXPECT_EQ(cluster.run(run_id).store, "127.0.0.1:4000");
  EXPECT_EQ(cluster.run(run_id).status, RunStatus::kStarting);
}

TEST(Transitions, SucceedWhenEveryRankAndMpirunEndedWell) {
  Cluster cluster(2);
  const std::string run_id = cluster.running(2);
  cluster.happen(RankExited{run_id, 0, 0, 0, ""});
  EXPECT_EQ(only<ReleaseRunOn>(cluster.happen(RankExited{run_id, 1, 0, 0, ""})).size(), 2U);
  EXPECT_EQ(cluster.run(run_id).status, RunStatus::kRunning);
  EXPECT_EQ(only<CloseRunOn>(cluster.happen(StarterExited{run_id, 0, ""})).size(), 2U);
  EXPECT_EQ(cluster.run(run_id).status, RunStatus::kSucceeded);
  EXPECT_EQ(cluster.run(run_id).exit_code, 0);
}

TEST(Transitions, DoNotWaitForMpirunWhereThereIsNone) {
  Cluster cluster(1);
  const std::string run_id = cluster.running(1, Starter::kAgents);
  cluster.happen(RankExited{run_id, 0, 0, 0, ""});
  EXPECT_EQ(cluster.run(run_id).status, RunStatus::kSucceeded);
}

TEST(Transitions, NameTheRankThatFailedFirstWithItsNodeAndSignal) {
  Cluster cluster(4);
  const std::string run_id = cluster.running(4);
  cluster.happen(RankExited{run_id, 2, 137, SIGKILL, ""});
  for (int rank : {0, 1, 3}) cluster.happen(RankExited{run_id, rank, 1, 0, ""});
  cluster.happen(StarterExited{run_id, 137, ""});
  EXPECT_EQ(cluster.run(run_id).status, RunStatus::kFailed);
  EXPECT_EQ(cluster.run(run_id).reason, "rank 2 on node2 was killed by signal 9 (SIGKILL)");
  EXPECT_EQ(cluster.run(run_id).exit_code, 137);
}

TEST(Transitions, TellTheStoreOfADeadRankAtOnce) {
  Cluster cluster(2);
  const std::string run_id = cluster.running(2);
  const auto reports = only<ReportLostOn>(cluster.happen(RankExited{run_id, 1, 137, SIGKILL, ""}));
  ASSERT_EQ(reports.size(), 1U);
  EXPECT_EQ(reports.front().node, "node0");
  EXPECT_EQ(reports.front().rank, 1);
  EXPECT_EQ(reports.front().cause, "killed by signal 9 (SIGKILL)");
}

TEST(Transitions, HoldDeadRanksBackUntilTheSurvivorsHaveReported) {
  Cluster cluster(2);
  const std::string run_id = cluster.running(2);
  EXPECT_TRUE(only<ReleaseRunOn>(cluster.happen(RankExited{run_id, 1, 137, SIGKILL, ""})).empty());
  EXPECT_EQ(only<ReleaseRunOn>(cluster.happen(RankExited{run_id, 0, 1, 0, ""})).size(), 2U);
}

TEST(Transitions, PressSurvivorsThatDoNotReportWithTermThenKill) {
  Cluster cluster(2);
  const std::string run_id = cluster.running(2);
  cluster.happen(RankExited{run_id, 1, 3, 0, ""});
  EXPECT_TRUE(only<SignalRunOn>(cluster.pass_with_heartbeats(kSurvivorGrace - 1)).empty());
  EXPECT_EQ(only<SignalRunOn>(cluster.pass_with_heartbeats(1)).front().signal, SIGTERM);
  EXPECT_EQ(only<SignalRunOn>(cluster.pass_with_heartbeats(kTerminateGrace)).front().signal, SIGKILL);
  cluster.pass_with_heartbeats(kKillGrace);
  EXPECT_EQ(cluster.run(run_id).status, RunStatus::kFailed);
  EXPECT_EQ(cluster.run(run_id).exit_code, 3);
}

TEST(Transitions, LoseANodeThatIsSilentForTwoSeconds) {
  Cluster cluster(2);
  const std::string run_id = cluster.running(2);
  cluster.pass(kHeartbeatTimeout + 0.1);
  cluster.happen(NodeHeard{"node0"});
  cluster.happen(Tick{});
  EXPECT_EQ(find_node(cluster.state(), "node0")->state, NodeState::kUp);
  EXPECT_EQ(find_node(cluster.state(), "node1")->state, NodeState::kLost);
  EXPECT_EQ(cluster.run(run_id).ranks[1].state, RankState::kLost);
  EXPECT_EQ(cluster.run(run_id).reason, "rank 1 is lost: node1 was lost: no heartbeat for 2 s");
}

TEST(Transitions, TakeALostNodeBackWhenItIsHeardAgain) {
  Cluster cluster(1);
  cluster.happen(NodeGone{"node0", "gone"});
  cluster.happen(NodeHeard{"node0"});
  EXPECT_EQ(find_node(cluster.state(), "node0")->state, NodeState::kUp);
}

TEST(Transitions, CancelWithTermThenKill) {
  Cluster cluster(1);
  const std::string run_id = cluster.running(1);
  EXPECT_EQ(only<SignalRunOn>(cluster.happen(CancelRequested{run_id, false, "Ctrl-C"})).front().signal, SIGTERM);
  EXPECT_EQ(only<SignalRunOn>(cluster.happen(CancelRequested{run_id, true, "Ctrl-C"})).front().signal, SIGKILL);
  cluster.happen(RankExited{run_id, 0, 137, SIGKILL, ""});
  cluster.happen(StarterExited{run_id, 137, ""});
  EXPECT_EQ(cluster.run(run_id).status, RunStatus::kCancelled);
  EXPECT_EQ(cluster.run(run_id).exit_code, kCancelledExitCode);
  EXPECT_EQ(cluster.run(run_id).reason, "cancelled: Ctrl-C");
}

TEST(Transitions, CancelAQueuedRunAtOnce) {
  Cluster cluster(0);
  const std::string run_id = cluster.submit(1);
  EXPECT_EQ(cluster.run(run_id).status, RunStatus::kQueued);
  cluster.happen(CancelRequested{run_id, false, ""});
  EXPECT_EQ(cluster.run(run_id).status, RunStatus::kCancelled);
}

TEST(Transitions, StartAQueuedRunWhenANodeComesUp) {
  Cluster cluster(0);
  const std::string run_id = cluster.submit(1);
  EXPECT_EQ(cluster.run(run_id).reason, "waits for nodes: 0 are up");
  EXPECT_EQ(only<OpenStoreOn>(cluster.happen(NodeRegistered{"node0", "127.0.0.1", 0})).size(), 1U);
}

TEST(Transitions, StartARunWhenTheGpusItWaitsForAreFree) {
  Cluster cluster(0);
  cluster.happen(NodeRegistered{"node0", "127.0.0.1", 2});
  cluster.happen(RunSubmitted{{.command = {"/bin/dask"}, .ranks = 1, .gpu_use = GpuUse::kExclusive}});
  const std::string workers = cluster.state().runs.back().id;
  const std::string training = cluster.submit(2);
  EXPECT_EQ(cluster.run(workers).status, RunStatus::kStarting);
  EXPECT_EQ(cluster.run(training).status, RunStatus::kQueued);
  cluster.happen(CancelRequested{workers, true, ""});
  cluster.happen(StoreOpened{workers, 0, 0, "cancelled"});
  EXPECT_EQ(cluster.run(training).status, RunStatus::kStarting);
}

TEST(Transitions, FailARunWhoseMpirunEndsBeforeItsRanksStart) {
  Cluster cluster(2);
  const std::string run_id = cluster.submit(2);
  cluster.happen(StoreOpened{run_id, 4000, 4001, ""});
  cluster.happen(StarterExited{run_id, 1, "orted was not found"});
  cluster.pass_with_heartbeats(kKillGrace);
  EXPECT_EQ(cluster.run(run_id).status, RunStatus::kFailed);
  EXPECT_EQ(cluster.run(run_id).reason,
            "mpirun ended with 1 before rank 0 on node0, 1 on node1 started: orted was not found");
}

TEST(Transitions, FailARunWhoseStoreCannotBeOpened) {
  Cluster cluster(1);
  const std::string run_id = cluster.submit(1);
  cluster.happen(StoreOpened{run_id, 0, 0, "no port"});
  EXPECT_EQ(cluster.run(run_id).status, RunStatus::kFailed);
  EXPECT_EQ(cluster.run(run_id).reason, "node0 cannot open the run's store: no port");
}

TEST(Transitions, FailARunWhoseRanksDoNotStartInTime) {
  Cluster cluster(1);
  const std::string run_id = cluster.submit(1);
  cluster.happen(StoreOpened{run_id, 4000, 4001, ""});
  cluster.pass_with_heartbeats(start_timeout(1));
  EXPECT_EQ(cluster.run(run_id).reason, "rank 0 on node0 did not start within 32 s");
}

TEST(Transitions, KeepRankZerosLastMetrics) {
  Cluster cluster(2);
  const std::string run_id = cluster.running(2);
  cluster.happen(RankReported{{.run_id = run_id, .rank = 0, .step = 1, .metrics = {{"loss", 3.0}, {"val_loss", 4.0}}}});
  cluster.happen(RankReported{{.run_id = run_id, .rank = 0, .step = 2, .metrics = {{"loss", 2.0}}}});
  cluster.happen(RankReported{{.run_id = run_id, .rank = 1, .step = 2, .metrics = {{"loss", 9.0}}}});
  EXPECT_EQ(cluster.run(run_id).metrics, (std::map<std::string, double>{{"loss", 2.0}, {"val_loss", 4.0}}));
}

TEST(Transitions, KeepTheLastFiveErrorLinesOfARank) {
  Cluster cluster(1);
  const std::string run_id = cluster.running(1);
  cluster.happen(RankWroteErrors{run_id, 0, {"1", "2", "3", "", "4", "5", "6"}});
  EXPECT_EQ(cluster.run(run_id).ranks[0].last_errors, (std::deque<std::string>{"2", "3", "4", "5", "6"}));
}

TEST(Transitions, IgnoreEventsOfUnknownAndEndedRuns) {
  Cluster cluster(1);
  const std::string run_id = cluster.running(1, Starter::kAgents);
  cluster.happen(RankExited{run_id, 0, 0, 0, ""});
  EXPECT_TRUE(cluster.happen(RankExited{run_id, 0, 1, 0, ""}).empty());
  EXPECT_TRUE(cluster.happen(RankStarted{"r-0099", 0}).empty());
  EXPECT_TRUE(cluster.happen(RankExited{run_id, 77, 1, 0, ""}).empty());
  EXPECT_EQ(cluster.run(run_id).status, RunStatus::kSucceeded);
}

TEST(Transitions, StopANodeThatRegistersWhileTheClusterGoesDown) {
  Cluster cluster(2);
  EXPECT_EQ(only<StopNode>(cluster.happen(StopRequested{})).size(), 2U);
  const auto told = only<StopNode>(cluster.happen(NodeRegistered{.node = "node7", .host = "127.0.0.1"}));
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].node, "node7");
}

TEST(Transitions, StopNodesOnlyAfterTheRunsHaveEnded) {
  Cluster cluster(2);
  const std::string run_id = cluster.running(2, Starter::kAgents);
  EXPECT_TRUE(only<StopNode>(cluster.happen(StopRequested{})).empty());
  cluster.happen(RankExited{run_id, 0, 143, SIGTERM, ""});
  EXPECT_EQ(only<StopNode>(cluster.happen(RankExited{run_id, 1, 143, SIGTERM, ""})).size(), 2U);
  EXPECT_EQ(cluster.run(run_id).status, RunStatus::kCancelled);
}

}  // namespace
}  // namespace trireme::launcher
