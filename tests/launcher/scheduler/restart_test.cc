#include "scheduler/restart.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "trireme/base/error.h"

// A scheduler that is killed and the one after it, as values.
namespace trireme::launcher {
namespace {

constexpr Seconds kBegun = 1000;
constexpr Seconds kRestart = 2000;

Run running(int ranks) {
  launcher::Run run{.id = "r-0007", .spec = {.name = "train", .command = {"/bin/train", "--x"}, .ranks = ranks}};
  run.spec.environment = {{"KEY", "\xff not UTF-8"}};
  run.status = RunStatus::kRunning;
  for (int rank = 0; rank < ranks; ++rank) run.shares.push_back({"node" + std::to_string(rank), rank, 1});
  run.ranks = ranks_of(run.shares);
  run.begun = kBegun;
  run.submitted = kBegun - 1;
  run.started = kBegun + 1;
  run.store = "127.0.0.1:4000";
  run.master_host = "127.0.0.1";
  run.master_port = 4001;
  return run;
}

// The scheduler after the one that was killed.
class Next {
 public:
  explicit Next(std::vector<Run> active, int nodes, std::vector<Node> drained = {})
      : state_(resume(std::move(active), std::move(drained), 8, nodes, kRestart)) {}

  std::vector<Effect> happen(const Event& event) {
    Transition transition = apply(std::move(state_), event, now_);
    state_ = std::move(transition.state);
    return transition.effects;
  }
  std::vector<Effect> come_back(const std::string& node, Seconds started, std::vector<std::string> runs) {
    return happen(NodeRegistered{node, "127.0.0.1", 0, started, std::move(runs)});
  }
  std::vector<Effect> pass(Seconds seconds) {
    now_ += seconds;
    for (const Node& node : std::vector<Node>(state_.nodes)) {
      if (node.state == NodeState::kUp) happen(NodeHeard{node.name});
    }
    return happen(Tick{});
  }
  [[nodiscard]] const Run& run() const { return state_.runs.front(); }
  [[nodiscard]] const ClusterState& state() const { return state_; }

 private:
  ClusterState state_;
  Seconds now_ = kRestart;
};

template <typename T>
std::size_t count(const std::vector<Effect>& effects) {
  return static_cast<std::size_t>(std::count_if(
      effects.begin(), effects.end(), [](const Effect& effect) { return std::holds_alternative<T>(effect); }));
}

TEST(RunDocument, ComesBackAsItWas) {
  launcher::Run run = running(2);
  run.exit_code = 137;
  run.reason = "rank 1 died";
  const launcher::Run back = run_from_document(nlohmann::json::from_cbor(nlohmann::json::to_cbor(to_document(run))));
  EXPECT_EQ(to_document(back), to_document(run));
  EXPECT_EQ(back.spec, run.spec);
  EXPECT_EQ(back.ranks.size(), 2U);
}

TEST(RunDocument, KeepsWhatFollowsTheNodes) {
  const RunSpec spec{.command = {"/bin/worker"}, .node = "node3", .follows_nodes = true};
  EXPECT_EQ(spec_from_document(to_document(spec)), spec);
}

TEST(RunDocument, IsReadAlsoAsItWasBeforeRunsWereBoundToNodes) {
  nlohmann::json document = to_document(running(2));
  document["spec"].erase("node");
  document["spec"].erase("follows_nodes");
  EXPECT_EQ(run_from_document(document).spec, running(2).spec);
}

TEST(RunDocument, RejectsWhatIsNone) {
  nlohmann::json ended = to_document(running(1));
  ended["status"] = "failed";
  nlohmann::json unplaced = to_document(running(1));
  unplaced["shares"] = nlohmann::json::array();
  for (const nlohmann::json& document : {nlohmann::json(nullptr), nlohmann::json::object(), ended, unplaced}) {
    EXPECT_THROW(static_cast<void>(run_from_document(document)), DataError) << document;
  }
}

TEST(Restart, GoesOnWithRunsWhoseNodesComeBackWithThem) {
  Next next({running(2)}, 2);
  for (const char* node : {"node0", "node1"}) {
    const auto effects = next.come_back(node, kBegun - 1, {"r-0007"});
    EXPECT_EQ(count<StartRunOn>(effects) + count<OpenStoreOn>(effects), 0U);
  }
  for (int rank : {0, 1}) next.happen(RankStarted{"r-0007", rank});
  next.pass(1000);
  EXPECT_EQ(next.run().status, RunStatus::kRunning);
  for (int rank : {0, 1}) next.happen(RankExited{"r-0007", rank, 0, 0, ""});
  EXPECT_EQ(next.run().status, RunStatus::kSucceeded);
}

TEST(Restart, HearsOfADeathThatNobodyRecorded) {
  Next next({running(2)}, 2);
  next.come_back("node0", kBegun - 1, {"r-0007"});
  next.come_back("node1", kBegun - 1, {"r-0007"});
  next.happen(RankStarted{"r-0007", 0});
  next.happen(RankStarted{"r-0007", 1});
  EXPECT_EQ(count<ReportLostOn>(next.happen(RankExited{"r-0007", 1, 137, 9, ""})), 1U);
  EXPECT_EQ(next.run().reason, "rank 1 on node1 was killed by signal 9 (SIGKILL)");
}

TEST(Restart, GivesAnOrderAgainThatNeverArrived) {
  Next next({running(2)}, 2);
  next.come_back("node0", kBegun - 1, {"r-0007"});
  EXPECT_EQ(count<StartRunOn>(next.come_back("node1", kBegun - 1, {})), 1U);
  EXPECT_EQ(count<StartRunOn>(next.come_back("node1", kBegun - 1, {})), 0U);
}

TEST(Restart, OpensTheStoreAgainWhenItWasNotKnownToBeOpen) {
  launcher::Run run = running(1);
  run.status = RunStatus::kStarting;
  run.store.clear();
  Next next({run}, 1);
  EXPECT_EQ(count<OpenStoreOn>(next.come_back("node0", kBegun - 1, {"r-0007"})), 1U);
  EXPECT_EQ(count<StartRunOn>(next.happen(StoreOpened{"r-0007", 4000, 4001, ""})), 1U);
}

TEST(Restart, NeverStartsRanksTwice) {
  Next next({running(2)}, 2);
  next.come_back("node0", kBegun - 1, {"r-0007"});
  EXPECT_EQ(count<StartRunOn>(next.come_back("node1", kBegun + 1, {})), 0U);
  EXPECT_EQ(next.run().reason, "rank 1 is lost: node1 was started anew without it");
}

TEST(Restart, LosesNodesThatDoNotComeBack) {
  Next next({running(2)}, 2);
  next.come_back("node0", kBegun - 1, {"r-0007"});
  next.happen(RankStarted{"r-0007", 0});
  EXPECT_TRUE(next.run().reason.empty());
  next.pass(kReturnTimeout);
  EXPECT_EQ(next.run().reason,
            "rank 1 is lost: node1 was lost: it did not come back within 15 s of the scheduler's restart");
  EXPECT_EQ(count<StartRunOn>(next.come_back("node1", kBegun - 1, {})), 0U);
}

TEST(Restart, PlacesQueuedRunsWhenAllAreBackOrTheTimeIsUp) {
  launcher::Run queued{.id = "r-0007", .spec = {.command = {"/bin/train"}, .ranks = 4}};
  Next next({queued}, 2);
  EXPECT_EQ(count<OpenStoreOn>(next.come_back("node0", kBegun, {})), 0U);
  EXPECT_EQ(count<OpenStoreOn>(next.come_back("node1", kBegun, {})), 1U);
  EXPECT_EQ(next.run().shares.size(), 2U);

  Next late({queued}, 2);
  late.come_back("node0", kBegun, {});
  EXPECT_EQ(count<OpenStoreOn>(late.pass(kReturnTimeout)), 1U);
}

TEST(Restart, GoesOnEndingWhatWasCancelled) {
  launcher::Run run = running(1);
  run.is_cancelled = true;
  Next next({run}, 1);
  next.come_back("node0", kBegun - 1, {"r-0007"});
  next.happen(RankStarted{"r-0007", 0});
  EXPECT_EQ(count<SignalRunOn>(next.pass(kReturnTimeout)), 1U);
  next.happen(RankExited{"r-0007", 0, 143, 15, ""});
  EXPECT_EQ(next.run().status, RunStatus::kCancelled);
}

launcher::Run worker_on(const std::string& node) {
  launcher::Run run = running(1);
  run.spec.node = node;
  run.spec.follows_nodes = true;
  run.shares.front().node = node;
  run.ranks = ranks_of(run.shares);
  return run;
}

TEST(Restart, KnowsWhatFollowsTheNodes) {
  Next next({worker_on("node0")}, 2);
  next.come_back("node1", kBegun, {});
  next.come_back("node0", kBegun - 1, {"r-0007"});
  ASSERT_EQ(next.state().runs.size(), 2U);
  EXPECT_EQ(next.state().runs.back().spec.node, "node1");
  EXPECT_EQ(next.state().runs.back().status, RunStatus::kStarting);
}

TEST(Restart, GivesANodeThatWasStartedAnewWhatFollowsTheNodes) {
  Next next({worker_on("node0")}, 1);
  next.come_back("node0", kBegun + 1, {});
  EXPECT_EQ(next.run().status, RunStatus::kFailed);
  ASSERT_EQ(next.state().runs.size(), 2U);
  EXPECT_EQ(next.state().runs.back().status, RunStatus::kStarting);
}

TEST(Restart, GivesAgainWhatEndedWithTheSchedulerOfBefore) {
  for (const Seconds later : {kReturnTimeout - 1, kReturnTimeout}) {
    Next next({worker_on("node0")}, 1);
    next.come_back("node0", kBegun - 1, {"r-0007"});
    next.happen(RankStarted{"r-0007", 0});
    next.pass(later);
    next.happen(RankExited{"r-0007", 0, 0, 0, ""});
    EXPECT_EQ(next.run().status, RunStatus::kSucceeded);
    next.come_back("node1", kBegun, {});
    EXPECT_EQ(next.state().runs.size(), later < kReturnTimeout ? 3U : 1U) << later;
  }
}

TEST(Restart, LetsANodeLeaveThatWasToLeave) {
  Next next({running(2)}, 2, {{.name = "node1", .is_draining = true, .is_leaving = true}});
  for (const char* node : {"node0", "node1"}) next.come_back(node, kBegun - 1, {"r-0007"});
  for (int rank : {0, 1}) next.happen(RankStarted{"r-0007", rank});
  next.pass(1);
  EXPECT_NE(find_node(next.state(), "node1"), nullptr);
  for (int rank : {0, 1}) next.happen(RankExited{"r-0007", rank, 0, 0, ""});
  EXPECT_EQ(count<StopNode>(next.pass(1)), 1U);
  EXPECT_EQ(find_node(next.state(), "node1"), nullptr);
}

TEST(Restart, TellsAnIdleNodeThatWasToLeaveOnceItIsBack) {
  Next next({}, 2, {{.name = "node1", .is_draining = true, .is_leaving = true}});
  EXPECT_EQ(count<StopNode>(next.pass(1)), 0U);
  EXPECT_NE(find_node(next.state(), "node1"), nullptr) << "its agent would come back and stay";
  next.come_back("node1", kBegun, {});
  EXPECT_EQ(count<StopNode>(next.pass(1)), 1U);

  Next gone({}, 2, {{.name = "node1", .is_draining = true, .is_leaving = true}});
  gone.pass(kReturnTimeout);
  gone.pass(1);
  EXPECT_TRUE(gone.state().nodes.empty());
}

TEST(Restart, BringsAwayWhatFollowsANodeThatWasToLeave) {
  Next next({worker_on("node1")}, 1, {{.name = "node1", .is_draining = true, .is_leaving = true}});
  EXPECT_EQ(count<VacateNode>(next.pass(1)), 0U);
  next.come_back("node1", kBegun - 1, {"r-0007"});
  next.happen(RankStarted{"r-0007", 0});
  EXPECT_EQ(count<VacateNode>(next.pass(1)), 1U);
  EXPECT_EQ(count<SignalRunOn>(next.happen(NodeVacated{"node1"})), 1U);
}

TEST(Restart, KeepsTheOrderOfNodes) {
  launcher::Run run = running(12);
  Next next({run}, 12);
  EXPECT_EQ(next.state().nodes[2].name, "node2");
  EXPECT_EQ(next.state().nodes[10].name, "node10");
}

}  // namespace
}  // namespace trireme::launcher
