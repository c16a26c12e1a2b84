#include "scheduler/scheduler.h"

#include <gtest/gtest.h>

#include "scheduler/convert.h"
#include "support/temporary_folder.h"
#include "trireme/base/error.h"
#include "trireme/v1/agent.pb.h"

// The scheduler's shell without a network: nodes are the outboxes that their commands go to. A scheduler that is killed
// is one that is left as it is while the next one starts on its files.
namespace trireme::launcher {
namespace {

using namespace std::chrono_literals;

class SchedulerTest : public ::testing::Test {
 protected:
  struct Life {
    std::unique_ptr<Scheduler> scheduler;
    std::map<std::string, std::shared_ptr<CommandOutbox>> outboxes;

    void come_up(const std::string& node, double started = 0, std::vector<std::string> runs = {}) {
      outboxes[node] = std::make_shared<CommandOutbox>();
      scheduler->connect_node(node, outboxes[node]);
      scheduler->post(NodeRegistered{node, "127.0.0.1", 0, started, std::move(runs)});
    }
    // What a node was told since it was asked last.
    [[nodiscard]] std::vector<v1::AgentCommand::CommandCase> told(const std::string& node) {
      std::vector<v1::AgentCommand::CommandCase> commands;
      while (const auto command = outboxes.at(node)->take(0ms)) commands.push_back((*command)->command_case());
      return commands;
    }
  };

  Life start(int nodes, bool resume) const {
    return {std::make_unique<Scheduler>(
                SchedulerOptions{.expected_nodes = nodes, .state_folder = folder_.path(), .resume = resume}),
            {}};
  }
  // Two nodes and a run of two ranks on them.
  static std::string run_two_ranks(Life& life) {
    life.come_up("node0");
    life.come_up("node1");
    const std::string run_id = life.scheduler->submit({.command = {"/bin/program"}, .ranks = 2});
    life.scheduler->post(StoreOpened{run_id, 4000, 4001, ""});
    for (int rank : {0, 1}) life.scheduler->post(RankStarted{run_id, rank});
    return run_id;
  }

  const test::TemporaryFolder folder_;
};

TEST_F(SchedulerTest, GoesOnWithTheRunsOfOneThatWasKilled) {
  Life killed = start(2, false);
  const std::string run_id = run_two_ranks(killed);
  killed.scheduler->add_output(run_id, 0, false, 0, {"one"});

  Life next = start(2, true);
  EXPECT_EQ(next.scheduler->active_runs(), (std::vector<std::string>{run_id}));
  EXPECT_EQ(next.scheduler->run(run_id)->status, "running");
  for (const char* node : {"node0", "node1"}) {
    next.come_up(node, 0, {run_id});
    EXPECT_TRUE(next.told(node).empty());
  }
  for (int rank : {0, 1}) next.scheduler->post(RankStarted{run_id, rank});
  next.scheduler->add_output(run_id, 0, false, 0, {"one", "two"});
  EXPECT_EQ(next.scheduler->log_tail(run_id, 10), (std::vector<std::string>{"[0] one", "[0] two"}));
  for (int rank : {0, 1}) next.scheduler->post(RankExited{run_id, rank, 0, 0, ""});
  EXPECT_EQ(next.scheduler->run(run_id)->status, "succeeded");
  EXPECT_EQ(next.scheduler->submit({.command = {"/bin/program"}}), "r-0002");
}

TEST_F(SchedulerTest, KnowsEveryRunThatItConfirmed) {
  Life killed = start(2, false);
  killed.come_up("node0");
  const std::string placed = killed.scheduler->submit({.command = {"/bin/program"}, .ranks = 1});
  const std::string queued = killed.scheduler->submit({.command = {"/bin/program"}, .ranks = 2, .nodes = 2});
  EXPECT_EQ(killed.scheduler->run(queued)->status, "queued");

  Life next = start(2, true);
  EXPECT_EQ(next.scheduler->active_runs(), (std::vector<std::string>{placed, queued}));
  next.come_up("node0", 0, {placed});
  EXPECT_EQ(next.told("node0"), (std::vector{v1::AgentCommand::kOpenStore}));
  EXPECT_EQ(next.scheduler->run(queued)->status, "queued");
  next.come_up("node1");
  EXPECT_EQ(next.scheduler->run(queued)->status, "starting");
}

TEST_F(SchedulerTest, ForgetsRunsThatHaveEnded) {
  Life killed = start(2, false);
  const std::string run_id = run_two_ranks(killed);
  for (int rank : {0, 1}) killed.scheduler->post(RankExited{run_id, rank, rank, 0, ""});
  EXPECT_EQ(killed.scheduler->run(run_id)->status, "failed");

  Life next = start(2, true);
  EXPECT_TRUE(next.scheduler->active_runs().empty());
  EXPECT_EQ(next.scheduler->run(run_id)->reason, "rank 1 on node1 exited with 1");
}

TEST_F(SchedulerTest, KeepsTheCurveOfARunThatGoesOn) {
  Life killed = start(1, false);
  killed.come_up("node0");
  const std::string run_id = killed.scheduler->submit({.command = {"/bin/program"}, .ranks = 1});
  const auto report = [&](Life& life, double time, double loss) {
    life.scheduler->add_status({.run_id = run_id, .time = time, .step = 1, .metrics = {{"loss", loss}}});
  };
  report(killed, 1, 3.0);
  killed.scheduler.reset();  // the curve is written a little later than it is shown

  Life next = start(1, true);
  EXPECT_EQ(next.scheduler->run(run_id)->metrics.at("loss"), 3.0);
  report(next, 1, 3.0);
  report(next, 2, 2.0);
  EXPECT_EQ(next.scheduler->history(run_id, 0).size(), 2U);
}

TEST_F(SchedulerTest, KeepsThePointsOfAllRanks) {
  Life life = start(2, false);
  const std::string run_id = run_two_ranks(life);
  for (int rank : {0, 1}) {
    for (double time : {1.0, 2.0}) {
      life.scheduler->add_status(
          {.run_id = run_id, .rank = rank, .time = time, .metrics = {{"step_ms", 10.0 * (rank + 1)}}});
    }
  }
  life.scheduler->add_status({.run_id = run_id, .rank = 7, .time = 1, .metrics = {{"loss", 1.0}}});  // no such rank
  EXPECT_EQ(life.scheduler->curve({.run_id = run_id, .rank = 1}).back().metrics.at("step_ms"), 20);
  EXPECT_EQ(life.scheduler->curve({.run_id = run_id, .rank = 1, .from = 1.5}).size(), 1U);
  EXPECT_TRUE(life.scheduler->curve({.run_id = run_id, .rank = 7}).empty());
  for (int rank : {0, 1}) life.scheduler->post(RankExited{run_id, rank, 0, 0, ""});
  life.scheduler.reset();
  Life next = start(2, false);
  EXPECT_EQ(next.scheduler->curve({.run_id = run_id, .rank = 1}).size(), 2U);
  // Of all ranks together: one point, or two when a second began meanwhile.
  double sum = 0;
  const std::vector<MetricPoint> together = next.scheduler->curve({.run_id = run_id, .rank = -1});
  for (const MetricPoint& point : together) sum += point.metrics.at("step_ms");
  EXPECT_LE(together.size(), 2U);
  EXPECT_GE(sum, 15);
}

TEST_F(SchedulerTest, KnowsWhatIsDrainedAfterItWasKilled) {
  Life killed = start(2, false);
  killed.come_up("node0");
  killed.scheduler->post(DrainRequested{"node0", 1000});
  EXPECT_EQ(killed.scheduler->node("node0")->state, "draining");

  Life next = start(2, true);
  next.come_up("node0");
  EXPECT_EQ(next.scheduler->node("node0")->state, "draining");
  next.come_up("node1");
  EXPECT_EQ(next.scheduler->run(next.scheduler->submit({.command = {"/bin/program"}, .ranks = 1}))->nodes,
            (std::vector<std::string>{"node1"}));
  Life fresh = start(2, false);
  fresh.come_up("node0");
  EXPECT_EQ(fresh.scheduler->node("node0")->state, "up");
}

TEST_F(SchedulerTest, KnowsWhichNodesLeaveAfterItWasKilled) {
  Life killed = start(2, false);
  const std::string run_id = run_two_ranks(killed);
  killed.scheduler->post(DrainRequested{"node1", std::nullopt});
  killed.scheduler->post(RemoveRequested{"node1"});

  Life next = start(2, true);
  for (const char* node : {"node0", "node1"}) next.come_up(node, 0, {run_id});
  for (int rank : {0, 1}) next.scheduler->post(RankStarted{run_id, rank});
  EXPECT_EQ(next.scheduler->node("node1")->state, "draining");
  for (int rank : {0, 1}) next.scheduler->post(RankExited{run_id, rank, 0, 0, ""});
  next.scheduler->post(Tick{});
  EXPECT_FALSE(next.scheduler->node("node1"));
  EXPECT_TRUE(next.scheduler->node("node0"));
  Life last = start(1, true);
  last.come_up("node1");
  EXPECT_EQ(last.scheduler->node("node1")->state, "up") << "one that has gone may come again";
}

TEST_F(SchedulerTest, GivesEveryNodeARunOfWhatFollowsTheNodes) {
  Life life = start(1, false);
  life.come_up("node0");
  const RunSpec spec{.command = {"/bin/worker"}, .follows_nodes = true};
  EXPECT_EQ(life.scheduler->submit(spec), "r-0001");
  EXPECT_THROW(static_cast<void>(life.scheduler->submit(spec)), ConfigError) << "it has one";
  life.come_up("node1");
  EXPECT_EQ(life.scheduler->run("r-0002")->nodes, (std::vector<std::string>{"node1"}));
  EXPECT_TRUE(life.scheduler->run("r-0002")->follows_nodes);
  EXPECT_EQ(life.scheduler->spec("r-0002")->node, "node1");
  EXPECT_TRUE(std::filesystem::is_directory(folder_ / "runs" / "r-0002"));
  EXPECT_THROW(static_cast<void>(life.scheduler->submit({.command = {"/bin/x"}, .node = "node9"})), ConfigError);
}

TEST_F(SchedulerTest, HasDataBroughtAwayBeforeANodeLeaves) {
  Life life = start(2, false);
  for (const char* node : {"node0", "node1"}) life.come_up(node);
  static_cast<void>(life.scheduler->submit({.command = {"/bin/worker"}, .follows_nodes = true}));
  std::string vacated;
  std::function<void()> done;
  life.scheduler->evacuate_by([&](const std::string& node, std::function<void()> then) {
    vacated = node;
    done = std::move(then);
  });
  life.scheduler->post(RemoveRequested{"node1"});
  EXPECT_EQ(vacated, "node1");
  EXPECT_EQ(life.scheduler->run("r-0002")->status, "starting");
  done();
  EXPECT_EQ(life.scheduler->run("r-0002")->status, "cancelled");
  EXPECT_EQ(life.scheduler->run("r-0001")->status, "starting");

  life.scheduler->evacuate_by({});
  life.scheduler->post(RemoveRequested{"node0"});
  EXPECT_EQ(life.scheduler->run("r-0001")->status, "cancelled") << "nobody keeps data there";
}

TEST(RunSpecMessage, CarriesWhatWasAskedFor) {
  const RunSpec spec{.name = "worker",
                     .command = {"/bin/worker"},
                     .node = "node1",
                     .follows_nodes = true,
                     .gpu_use = GpuUse::kExclusive,
                     .working_directory = "/data",
                     .environment = {{"A", "1"}}};
  EXPECT_EQ(from_proto(to_proto(spec)), spec);
}

TEST_F(SchedulerTest, RemembersWhatRunsWereAskedFor) {
  Life killed = start(1, false);
  const RunSpec spec{.command = {"/bin/program"}, .ranks = 1, .environment = {{"KEY", "\xff"}}};
  const std::string run_id = killed.scheduler->submit(spec);
  Life next = start(1, false);
  EXPECT_EQ(next.scheduler->spec(run_id), spec);
  EXPECT_FALSE(next.scheduler->spec("r-0099"));
}

TEST_F(SchedulerTest, NumbersEventsAndRevisionsOverRestarts) {
  Life killed = start(1, false);
  killed.come_up("node0");
  const std::uint64_t revision = killed.scheduler->revision();
  const std::vector<ClusterEvent> before = killed.scheduler->events(0, 10);
  ASSERT_EQ(before.size(), 2U);
  EXPECT_EQ(before[0].kind, "scheduler_started");
  EXPECT_EQ(before[1].kind, "node_up");
  EXPECT_EQ(before[1].node, "node0");

  Life next = start(1, true);
  EXPECT_GT(next.scheduler->revision(), revision);
  const std::vector<ClusterEvent> after = next.scheduler->events(before[1].sequence, 10);
  ASSERT_EQ(after.size(), 1U);
  EXPECT_EQ(after[0].kind, "scheduler_started");
}

TEST_F(SchedulerTest, RecordsAsFailedWhatATakenDownClusterLeft) {
  Life killed = start(2, false);
  const std::string run_id = run_two_ranks(killed);
  Life fresh = start(2, false);
  EXPECT_TRUE(fresh.scheduler->active_runs().empty());
  EXPECT_EQ(fresh.scheduler->run(run_id)->status, "failed");
  Life next = start(2, true);
  EXPECT_TRUE(next.scheduler->active_runs().empty());
}

// Worth its while under the thread sanitizer.
TEST_F(SchedulerTest, TakesEverythingFromAnyThread) {
  Life life = start(2, false);
  const std::string run_id = run_two_ranks(life);
  Scheduler& scheduler = *life.scheduler;
  std::atomic<int> changes = 0;
  const auto subscription = scheduler.subscribe([&](std::uint64_t) { ++changes; });
  constexpr int kTimes = 200;
  {
    std::vector<std::jthread> threads;
    for (int rank : {0, 1}) {
      threads.emplace_back([&scheduler, run_id, rank] {
        for (std::uint64_t time = 0; time < kTimes; ++time) {
          scheduler.add_output(run_id, rank, rank == 1, time, {"line"});
          scheduler.add_status({.run_id = run_id, .rank = rank, .time = double(time), .metrics = {{"loss", 1.0}}});
          scheduler.post(NodeHeard{"node0"});
        }
      });
    }
    threads.emplace_back([&scheduler, run_id] {
      for (int time = 0; time < kTimes; ++time) {
        static_cast<void>(scheduler.snapshot());
        static_cast<void>(scheduler.history(run_id, 10));
        static_cast<void>(scheduler.logs().read(run_id, 0));
      }
    });
    threads.emplace_back([&life] {
      for (int time = 0; time < kTimes; ++time) static_cast<void>(life.outboxes.at("node1")->take(0ms));
    });
  }
  EXPECT_EQ(scheduler.log_tail(run_id, 1000).size(), 2U * kTimes);
  EXPECT_EQ(scheduler.history(run_id, 0).size(), std::size_t{kTimes});
  std::uint64_t seen = scheduler.revision();
  while (changes == 0) seen = scheduler.wait_for_change(seen, 10ms);
}

}  // namespace
}  // namespace trireme::launcher
