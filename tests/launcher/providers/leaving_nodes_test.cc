#include "providers/leaving_nodes.h"

#include <gtest/gtest.h>

namespace trireme::launcher {
namespace {

TEST(LeavingNodes, AreThoseWithTheFewestRanksTheLastFirst) {
  ClusterSnapshot snapshot;
  snapshot.nodes = {{.name = "node0", .state = "up"},
                    {.name = "node1", .state = "up", .ranks = 1},
                    {.name = "node2", .state = "up"},
                    {.name = "node3", .state = "lost"},
                    {.name = "node10", .state = "up", .ranks = 2}};
  EXPECT_EQ(nodes_to_remove(snapshot, 3), (std::vector<std::string>{"node2", "node0", "node1"}));
  EXPECT_EQ(nodes_to_remove(snapshot, 9).size(), 4U) << "a lost node has gone by itself";
}

TEST(LeavingNodes, AreNotBusyWithWhatEveryNodeHas) {
  ClusterSnapshot snapshot;
  snapshot.nodes = {{.name = "node0", .state = "up", .ranks = 2},
                    {.name = "node1", .state = "up", .ranks = 2},
                    {.name = "node2", .state = "up", .ranks = 1}};
  RunView worker{.run_id = "r-0001"};
  worker.rank_views = {{.rank = 0, .node = "node1", .state = "running"}};
  worker.follows_nodes = true;
  RunView ended = worker;
  ended.ended = 1000;
  snapshot.runs = {worker, worker, ended};
  EXPECT_EQ(nodes_to_remove(snapshot, 3), (std::vector<std::string>{"node1", "node2", "node0"}));
  EXPECT_EQ(describe_leaving(snapshot, {"node1"}), "node1 leaves");
}

TEST(LeavingNodes, AreWaitedForUntilTheirRunsHaveEnded) {
  RunView run{.run_id = "r-0007"};
  run.rank_views = {{.rank = 0, .node = "node1"}};
  ClusterSnapshot snapshot;
  snapshot.nodes = {{.name = "node0"}, {.name = "node1"}, {.name = "node2"}};
  snapshot.runs = {run};
  EXPECT_EQ(describe_leaving(snapshot, {"node1", "node2", "node3"}),
            "node1 leaves when r-0007 has ended; to end it: launcher cancel, or --cancel-after SECONDS\nnode2 leaves");
  EXPECT_EQ(describe_leaving(snapshot, {"node3"}), "");
}

}  // namespace
}  // namespace trireme::launcher
