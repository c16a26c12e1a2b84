#include <gtest/gtest.h>

#include <algorithm>

#include "scheduler/transitions.h"
#include "scheduler/views.h"
#include "trireme/base/message.h"

namespace trireme::launcher {
namespace {

// Two nodes that are up, and what is said about them.
class DrainTest : public testing::Test {
 protected:
  DrainTest() {
    for (const char* name : {"node0", "node1"}) happen(NodeRegistered{name, "127.0.0.1", 0});
  }

  void happen(const Event& event) {
    Transition transition = apply(std::move(state_), event, now_);
    state_ = std::move(transition.state);
    for (const Effect& effect : transition.effects) {
      if (const auto* note = std::get_if<Note>(&effect)) kinds_.push_back(note->kind);
      if (const auto* record = std::get_if<RecordDrain>(&effect)) recorded_.push_back(record->node);
    }
  }
  void pass(Seconds seconds) {
    now_ += seconds;
    for (const char* name : {"node0", "node1"}) happen(NodeHeard{name});
    happen(Tick{});
  }
  std::string submit(int ranks, int nodes = 0) {
    happen(RunSubmitted{{.command = {"/bin/program"}, .ranks = ranks, .nodes = nodes}});
    return state_.runs.back().id;
  }
  std::string running(int ranks) {
    const std::string run_id = submit(ranks);
    happen(StoreOpened{run_id, 4000, 4001, ""});
    for (int rank = 0; rank < ranks; ++rank) happen(RankStarted{run_id, rank});
    return run_id;
  }
  [[nodiscard]] const launcher::Run& run(const std::string& run_id) const { return *find_run(state_, run_id); }
  [[nodiscard]] std::string shown(const std::string& node) const {
    return view_of(*find_node(state_, node), state_).state;
  }
  [[nodiscard]] bool was_told(const std::string& kind) const {
    return std::find(kinds_.begin(), kinds_.end(), kind) != kinds_.end();
  }

  ClusterState state_;
  Seconds now_ = 1000;
  std::vector<std::string> kinds_;
  std::vector<std::string> recorded_;
};

TEST_F(DrainTest, GivesTheNodeNoNewRanks) {
  happen(DrainRequested{"node0", std::nullopt});
  EXPECT_EQ(shown("node0"), "draining");
  EXPECT_TRUE(was_told("node_draining"));
  EXPECT_EQ(recorded_, (std::vector<std::string>{"node0"}));
  EXPECT_EQ(run(submit(2)).shares, (std::vector<Share>{{"node1", 0, 2}}));
  const std::string both = submit(2, 2);
  EXPECT_EQ(run(both).status, RunStatus::kQueued);
  EXPECT_EQ(run(both).reason, "waits for nodes: 1 are up and take ranks, 1 are drained");
}

TEST_F(DrainTest, RemovesAnIdleNodeAtOnce) {
  happen(RemoveRequested{"node1"});
  EXPECT_EQ(find_node(state_, "node1"), nullptr);
  EXPECT_TRUE(was_told("node_removed"));
  EXPECT_EQ(recorded_.back(), "node1");
  happen(NodeGone{"node1", "its agent ended"});
  happen(NodeHeard{"node1"});
  EXPECT_EQ(state_.nodes.size(), 1U);
}

TEST_F(DrainTest, RemovesANodeOnceItsRunHasEnded) {
  const std::string run_id = running(2);
  happen(RemoveRequested{"node1"});
  EXPECT_EQ(shown("node1"), "draining");
  EXPECT_EQ(run(submit(1)).shares.front().node, "node0");
  happen(RankExited{run_id, 1, 0, 0, ""});
  pass(1);
  EXPECT_EQ(find_node(state_, "node1"), nullptr);
  EXPECT_FALSE(has_ended(run(run_id).status));
}

TEST_F(DrainTest, KeepsANodeWhoseRunsStoreOthersNeed) {
  const std::string run_id = running(2);
  happen(RemoveRequested{"node0"});
  happen(RankExited{run_id, 0, 0, 0, ""});
  pass(1);
  EXPECT_NE(find_node(state_, "node0"), nullptr);
  happen(RankExited{run_id, 1, 0, 0, ""});
  pass(1);
  EXPECT_EQ(find_node(state_, "node0"), nullptr);
}

TEST_F(DrainTest, UndrainKeepsANodeThatWasToLeave) {
  const std::string run_id = running(2);
  happen(RemoveRequested{"node1"});
  happen(UndrainRequested{"node1"});
  for (const int rank : {0, 1}) happen(RankExited{run_id, rank, 0, 0, ""});
  pass(1);
  EXPECT_EQ(shown("node1"), "up");
}

TEST_F(DrainTest, LetsRunsGoOn) {
  const std::string run_id = running(2);
  happen(DrainRequested{"node0", std::nullopt});
  pass(1000);
  EXPECT_EQ(run(run_id).status, RunStatus::kRunning);
  EXPECT_FALSE(run(run_id).is_cancelled);
}

TEST_F(DrainTest, CancelsWhatStillRunsThereWhenAsked) {
  const std::string there = running(2);
  happen(RunSubmitted{{.command = {"/bin/program"}, .ranks = 1, .nodes = 1}});
  const std::string elsewhere = state_.runs.back().id;
  const std::string node = run(elsewhere).shares.front().node == "node0" ? "node1" : "node0";
  happen(DrainRequested{node, 60});
  pass(59);
  EXPECT_FALSE(run(there).is_cancelled);
  pass(1);
  EXPECT_TRUE(run(there).is_cancelled);
  EXPECT_EQ(run(there).reason, message("cancelled: {} is drained", node));
  EXPECT_FALSE(run(elsewhere).is_cancelled);
  EXPECT_FALSE(find_node(state_, node)->cancel_at);
}

TEST_F(DrainTest, EndsWithUndrain) {
  happen(DrainRequested{"node0", 60});
  const std::string both = submit(2, 2);
  happen(UndrainRequested{"node0"});
  EXPECT_EQ(shown("node0"), "up");
  EXPECT_EQ(run(both).status, RunStatus::kStarting);
  EXPECT_TRUE(was_told("node_undrained"));
  pass(100);
  EXPECT_FALSE(run(both).is_cancelled);
}

TEST_F(DrainTest, OutlivesTheLossOfTheNode) {
  happen(DrainRequested{"node0", std::nullopt});
  happen(NodeGone{"node0", "its agent's connection ended"});
  EXPECT_EQ(shown("node0"), "lost");
  happen(NodeRegistered{"node0", "127.0.0.1", 0});
  EXPECT_EQ(shown("node0"), "draining");
}

TEST_F(DrainTest, OfAnUnknownNodeChangesNothing) {
  happen(DrainRequested{"node9", std::nullopt});
  happen(UndrainRequested{"node9"});
  EXPECT_EQ(state_.nodes.size(), 2U);
  EXPECT_TRUE(recorded_.empty());
}

TEST_F(DrainTest, EveryStepOfARunIsTold) {
  kinds_.clear();
  const std::string run_id = running(2);
  happen(RankExited{run_id, 1, 3, 0, ""});
  happen(RankExited{run_id, 0, 0, 0, ""});
  happen(NodeGone{"node1", "no heartbeat"});
  happen(NodeHeard{"node1"});
  EXPECT_EQ(kinds_, (std::vector<std::string>{"run_queued", "run_starting", "run_running", "run_failing", "run_failed",
                                              "node_lost", "node_up"}));
}

}  // namespace
}  // namespace trireme::launcher
