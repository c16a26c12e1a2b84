#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>

#include "scheduler/transitions.h"
#include "trireme/base/message.h"

// Runs that follow the nodes: one rank on every node, also on those that come later.
namespace trireme::launcher {
namespace {

using Names = std::vector<std::string>;

class FollowingTest : public testing::Test {
 protected:
  void happen(const Event& event) {
    Transition transition = apply(std::move(state_), event, now_);
    state_ = std::move(transition.state);
    effects_ = std::move(transition.effects);
  }
  void come(const std::string& node, int gpus = 0) { happen(NodeRegistered{node, "127.0.0.1", gpus}); }
  void pass(Seconds seconds) {
    now_ += seconds;
    for (const Node& node : std::vector<Node>(state_.nodes)) {
      if (node.state == NodeState::kUp) happen(NodeHeard{node.name});
    }
    happen(Tick{});
  }
  void follow(GpuUse gpu_use = GpuUse::kOrdinary) {
    happen(RunSubmitted{{.name = "worker", .command = {"/bin/worker"}, .follows_nodes = true, .gpu_use = gpu_use}});
  }
  std::string submit(const RunSpec& spec) {
    happen(RunSubmitted{spec});
    return state_.runs.back().id;
  }
  void start(const std::string& run_id) {
    happen(StoreOpened{run_id, 4000, 4001, ""});
    for (const Rank& rank : std::vector<Rank>(run(run_id).ranks)) happen(RankStarted{run_id, rank.rank});
  }
  void start_all() {
    for (const launcher::Run& each : std::vector<launcher::Run>(state_.runs)) start(each.id);
  }
  void exit(const std::string& run_id, int code = 0) { happen(RankExited{run_id, 0, code, 0, ""}); }

  [[nodiscard]] const launcher::Run& run(const std::string& run_id) const { return *find_run(state_, run_id); }
  // Nodes of workers that have not ended, oldest first.
  [[nodiscard]] Names nodes_of_workers() const {
    Names names;
    for (const launcher::Run& each : state_.runs) {
      if (is_active_follower(each)) names.push_back(each.spec.node);
    }
    return names;
  }
  // The newest worker on a node.
  [[nodiscard]] std::string worker_on(const std::string& node) const {
    const auto found = std::find_if(state_.runs.rbegin(), state_.runs.rend(), [&](const launcher::Run& each) {
      return each.spec.follows_nodes && each.spec.node == node;
    });
    return found == state_.runs.rend() ? "" : found->id;
  }
  template <typename T>
  [[nodiscard]] std::vector<T> told() const {
    std::vector<T> chosen;
    for (const Effect& effect : effects_) {
      if (const T* found = std::get_if<T>(&effect)) chosen.push_back(*found);
    }
    return chosen;
  }

  ClusterState state_;
  Seconds now_ = 1000;
  std::vector<Effect> effects_;  // of the last event
};

TEST_F(FollowingTest, BecomesARunOfOneRankForEveryNodeThatTakesRanks) {
  for (const char* node : {"node0", "node1", "node2"}) come(node);
  happen(DrainRequested{"node1", std::nullopt});
  follow();
  EXPECT_EQ(told<AdmitRun>().size(), 2U);
  EXPECT_EQ(nodes_of_workers(), (Names{"node0", "node2"}));
  EXPECT_EQ(run(worker_on("node2")).shares, (std::vector<Share>{{"node2", 0, 1}}));
}

TEST_F(FollowingTest, IsGivenToNodesThatComeLater) {
  come("node0");
  follow();
  come("node1");
  EXPECT_EQ(nodes_of_workers(), (Names{"node0", "node1"}));
  EXPECT_EQ(told<AdmitRun>().size(), 1U);
  EXPECT_EQ(told<OpenStoreOn>().front().node, "node1");
}

TEST_F(FollowingTest, IsGivenAgainToANodeThatWasLost) {
  for (const char* node : {"node0", "node1"}) come(node);
  follow();
  start_all();
  happen(NodeGone{"node1", "its agent's connection ended"});
  EXPECT_EQ(run(worker_on("node1")).status, RunStatus::kFailed);
  EXPECT_EQ(nodes_of_workers(), (Names{"node0"}));
  come("node1");
  EXPECT_EQ(nodes_of_workers(), (Names{"node0", "node1"}));
  happen(NodeGone{"node1", "no heartbeat"});
  happen(NodeHeard{"node1"});
  EXPECT_EQ(nodes_of_workers(), (Names{"node0", "node1"}));
}

TEST_F(FollowingTest, IsNeverTwiceOnANode) {
  come("node0");
  follow();
  come("node0");
  happen(NodeHeard{"node0"});
  happen(UndrainRequested{"node0"});
  follow();
  EXPECT_EQ(nodes_of_workers(), (Names{"node0"}));
  // One that is asked for again waits for the one that is there.
  const std::string again = submit(run("r-0001").spec);
  EXPECT_EQ(run(again).status, RunStatus::kQueued);
  EXPECT_EQ(run(again).reason, "waits for r-0001 to end on node0");
  start("r-0001");
  exit("r-0001", 1);
  EXPECT_EQ(run(again).status, RunStatus::kStarting);
}

TEST_F(FollowingTest, StaysOnANodeThatIsDrained) {
  come("node0");
  follow();
  start_all();
  happen(DrainRequested{"node0", std::nullopt});
  pass(1000);
  EXPECT_EQ(run("r-0001").status, RunStatus::kRunning);
  exit("r-0001", 1);
  EXPECT_TRUE(nodes_of_workers().empty()) << "a drained node gets no new ranks";
  happen(UndrainRequested{"node0"});
  EXPECT_EQ(nodes_of_workers(), (Names{"node0"}));
}

TEST_F(FollowingTest, EndsOnANodeThatLeavesOnceItsDataIsSafeAndOnlyThere) {
  for (const char* node : {"node0", "node1"}) come(node);
  follow();
  const std::string training = submit({.command = {"/bin/train"}, .ranks = 1, .node = "node1"});
  start_all();
  happen(RemoveRequested{"node1"});
  ASSERT_EQ(told<VacateNode>().size(), 1U);
  EXPECT_EQ(told<VacateNode>().front().node, "node1");
  EXPECT_TRUE(told<SignalRunOn>().empty());
  pass(1);
  EXPECT_TRUE(told<VacateNode>().empty()) << "once is enough";
  happen(NodeVacated{"node1"});
  ASSERT_EQ(told<SignalRunOn>().size(), 1U);
  EXPECT_EQ(told<SignalRunOn>().front().run_id, worker_on("node1"));
  EXPECT_EQ(run(worker_on("node1")).reason, "cancelled: node1 leaves");
  exit(worker_on("node1"), 143);
  pass(1);
  EXPECT_FALSE(run(training).is_cancelled);
  EXPECT_NE(find_node(state_, "node1"), nullptr) << "ordinary runs are waited for";
  exit(training);
  pass(1);
  EXPECT_EQ(find_node(state_, "node1"), nullptr);
  EXPECT_EQ(nodes_of_workers(), (Names{"node0"}));
  come("node1");
  EXPECT_EQ(nodes_of_workers(), (Names{"node0", "node1"}));
}

TEST_F(FollowingTest, EndsInTimeWhenNobodyBringsItsDataAway) {
  come("node0");
  follow();
  start_all();
  happen(RemoveRequested{"node0"});
  pass(kVacateTimeout - 1);
  EXPECT_TRUE(told<SignalRunOn>().empty());
  pass(1);
  EXPECT_EQ(told<SignalRunOn>().front().signal, SIGTERM);
}

TEST_F(FollowingTest, IsBroughtAwayBeforeADrainCancelsIt) {
  come("node0");
  follow();
  const std::string training = submit({.command = {"/bin/train"}, .ranks = 1});
  start_all();
  happen(DrainRequested{"node0", 60});
  pass(60);
  EXPECT_TRUE(run(training).is_cancelled);
  EXPECT_EQ(told<VacateNode>().size(), 1U);
  EXPECT_FALSE(run("r-0001").is_cancelled);
  happen(NodeVacated{"node0"});
  EXPECT_EQ(run("r-0001").reason, "cancelled: node0 is drained");
}

TEST_F(FollowingTest, IsGivenAgainToANodeThatStaysAfterAll) {
  come("node0");
  follow();
  start_all();
  happen(RemoveRequested{"node0"});
  happen(UndrainRequested{"node0"});
  EXPECT_FALSE(run("r-0001").is_cancelled) << "its data is being brought away";
  happen(NodeVacated{"node0"});
  EXPECT_TRUE(run("r-0001").is_cancelled);
  EXPECT_EQ(run("r-0002").reason, "waits for r-0001 to end on node0");
  exit("r-0001", 143);
  EXPECT_EQ(run("r-0002").status, RunStatus::kStarting);
  happen(NodeVacated{"node0"});
  EXPECT_FALSE(run("r-0002").is_cancelled) << "nobody asked it to leave";
}

TEST_F(FollowingTest, IsForgottenWithItsLastRunThatSomebodyEnded) {
  for (const char* node : {"node0", "node1"}) come(node);
  follow();
  start_all();
  happen(CancelRequested{worker_on("node0"), false, "launcher cancel"});
  come("node2");
  EXPECT_EQ(nodes_of_workers(), (Names{"node1", "node2"}));
  start(worker_on("node2"));
  exit(worker_on("node2"));
  happen(CancelRequested{worker_on("node1"), false, "launcher cancel"});
  come("node3");
  EXPECT_TRUE(nodes_of_workers().empty());
}

TEST_F(FollowingTest, IsForgottenWhenAllHaveSucceededAndNotWhenTheyFailed) {
  for (const int code : {0, 1}) {
    state_ = {};
    come("node0");
    follow();
    start_all();
    exit("r-0001", code);
    come("node1");
    EXPECT_EQ(nodes_of_workers(), code == 0 ? Names{} : Names{"node1"});
  }
}

TEST_F(FollowingTest, IsNotGivenToNodesWhileTheClusterGoesDown) {
  come("node0");
  follow();
  start_all();
  happen(StopRequested{});
  come("node1");
  EXPECT_EQ(state_.runs.size(), 1U);
}

TEST_F(FollowingTest, WaitsForTheGpusOfItsNodeAndHoldsBackWhoWantsThemOnly) {
  come("node0", 1);
  const std::string training = submit({.command = {"/bin/train"}, .ranks = 1});
  start(training);
  come("node1", 1);
  follow(GpuUse::kExclusive);
  const std::string waiting = worker_on("node0");
  EXPECT_EQ(run(waiting).reason, message("waits for the GPUs of node0, which {} may use", training));
  EXPECT_EQ(run(worker_on("node1")).status, RunStatus::kStarting);
  const std::string second = submit({.command = {"/bin/train"}, .ranks = 1, .node = "node0"});
  EXPECT_EQ(run(second).status, RunStatus::kQueued);
  come("node2");
  EXPECT_EQ(run(submit({.command = {"/bin/cpu"}, .ranks = 1, .node = "node2"})).status, RunStatus::kStarting);
  exit(training);
  EXPECT_EQ(run(waiting).status, RunStatus::kStarting);
  EXPECT_EQ(run(second).status, RunStatus::kQueued);
}

TEST_F(FollowingTest, IsNotHeldBackByRunsThatWaitForNodes) {
  come("node0");
  follow();
  EXPECT_EQ(run(submit({.command = {"/bin/train"}, .ranks = 3, .nodes = 3})).status, RunStatus::kQueued);
  come("node1");
  EXPECT_EQ(run(worker_on("node1")).status, RunStatus::kStarting);
}

TEST_F(FollowingTest, RunsThatAreBoundToANodeEndWithIt) {
  for (const char* node : {"node0", "node1"}) come(node);
  happen(DrainRequested{"node1", std::nullopt});
  const std::string bound = submit({.command = {"/bin/x"}, .ranks = 1, .node = "node1"});
  EXPECT_EQ(run(bound).reason, "waits for node1, which is not up or is drained");
  EXPECT_EQ(run(submit({.command = {"/bin/x"}, .ranks = 1})).status, RunStatus::kStarting);
  happen(RemoveRequested{"node1"});
  EXPECT_EQ(run(bound).status, RunStatus::kCancelled);
  EXPECT_EQ(run(bound).reason, "cancelled: node1 has left the cluster");
}

}  // namespace
}  // namespace trireme::launcher
