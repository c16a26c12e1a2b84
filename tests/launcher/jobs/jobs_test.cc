#include <gtest/gtest.h>

#include <sys/stat.h>

#include <algorithm>
#include <csignal>

#include "jobs/mpirun_command.h"
#include "jobs/placement.h"
#include "jobs/program.h"
#include "support/temporary_folder.h"
#include "trireme/base/error.h"

namespace trireme::launcher {
namespace {

const std::vector<NodeOffer> kFourNodes = {{"node0"}, {"node1"}, {"node2"}, {"node3"}};

TEST(Placement, GivesEachNodeOneRankByDefault) {
  EXPECT_EQ(place({.command = {"x"}}, kFourNodes),
            (std::vector<Share>{{"node0", 0, 1}, {"node1", 1, 1}, {"node2", 2, 1}, {"node3", 3, 1}}));
}

TEST(Placement, SpreadsEightRanksOverFourNodesByTwo) {
  EXPECT_EQ(place({.command = {"x"}, .ranks = 8}, kFourNodes),
            (std::vector<Share>{{"node0", 0, 2}, {"node1", 2, 2}, {"node2", 4, 2}, {"node3", 6, 2}}));
}

TEST(Placement, GivesTheFirstNodesTheRanksThatAreLeftOver) {
  EXPECT_EQ(place({.command = {"x"}, .ranks = 5, .nodes = 2}, kFourNodes),
            (std::vector<Share>{{"node0", 0, 3}, {"node1", 3, 2}}));
}

TEST(Placement, PrefersNodesWithFewerRanks) {
  EXPECT_EQ(place({.command = {"x"}, .ranks = 2}, {{"node0", 0, 2}, {"node1"}, {"node2"}}),
            (std::vector<Share>{{"node1", 0, 1}, {"node2", 1, 1}}));
}

TEST(Placement, KeepsToTheNodeARunIsBoundTo) {
  const RunSpec spec{.command = {"x"}, .ranks = 3, .node = "node2"};
  EXPECT_EQ(place(spec, {{"node0"}, {"node1"}, {"node2", 0, 9}}), (std::vector<Share>{{"node2", 0, 3}}));
  EXPECT_EQ(place({.command = {"x"}, .node = "node1"}, {{"node0", 1}, {"node1", 2}}),
            (std::vector<Share>{{"node1", 0, 2}}));
  EXPECT_TRUE(place(spec, {{"node0"}, {"node1"}}).empty());
  EXPECT_EQ(describe_wait(spec, {{"node0"}}), "waits for node2, which is not up or is drained");
  const RunSpec exclusive{.command = {"x"}, .node = "node1", .gpu_use = GpuUse::kExclusive};
  EXPECT_EQ(describe_wait(exclusive, {{"node0", 1, 1, "", "r-0001"}, {"node1", 1, 1, "", "r-0002"}}),
            "waits for the GPUs of node1, which r-0002 may use");
}

TEST(Placement, GivesEachGpuARankByDefault) {
  EXPECT_EQ(place({.command = {"x"}}, {{"node0", 2}, {"node1", 1}}),
            (std::vector<Share>{{"node0", 0, 2}, {"node1", 2, 1}}));
}

TEST(Placement, WaitsWhenTooFewNodesAreUp) {
  EXPECT_TRUE(place({.command = {"x"}, .nodes = 3}, {{"node0"}, {"node1"}}).empty());
  EXPECT_TRUE(place({.command = {"x"}}, {}).empty());
}

TEST(Placement, KeepsOrdinaryRunsFromGpusThatARunHasForItself) {
  const std::vector<NodeOffer> offers = {{"node0", 1, 1, "r-0001", "r-0001"}, {"node1", 0}};
  EXPECT_EQ(place({.command = {"x"}, .ranks = 1}, offers), (std::vector<Share>{{"node1", 0, 1}}));
  const RunSpec both{.command = {"x"}, .ranks = 2};
  EXPECT_TRUE(place(both, offers).empty());
  EXPECT_EQ(describe_wait(both, offers),
            "waits for the GPUs of node0, which r-0001 has for itself; launcher run --share-gpus starts beside it");
  EXPECT_EQ(place({.command = {"x"}, .ranks = 2, .gpu_use = GpuUse::kShared}, offers).size(), 2U);
}

TEST(Placement, KeepsARunThatWantsGpusForItselfFromThoseOthersMayUse) {
  const RunSpec spec{.command = {"x"}, .ranks = 2, .gpu_use = GpuUse::kExclusive};
  const std::vector<NodeOffer> used = {{"node0", 1, 1, "", "r-0002"}, {"node1", 1}};
  EXPECT_TRUE(place(spec, used).empty());
  EXPECT_EQ(describe_wait(spec, used), "waits for the GPUs of node0, which r-0002 may use");
  EXPECT_EQ(place(spec, {{"node0", 0, 1, "", "r-0002"}, {"node1", 1, 1}}).size(), 2U) << "no GPUs, or who shares them";
}

TEST(Placement, RejectsWhatTheClusterCanNeverGive) {
  EXPECT_FALSE(reject_request({.command = {"x"}, .ranks = 8}, 4));
  EXPECT_NE(reject_request({.command = {"x"}, .nodes = 5}, 4)->find("--nodes 5"), std::string::npos);
  EXPECT_NE(reject_request({.command = {"x"}, .ranks = 2, .nodes = 3}, 4)->find("-n 2"), std::string::npos);
  EXPECT_TRUE(reject_request({.command = {"x"}, .ranks = kMostRanks + 1}, 4));
  EXPECT_TRUE(reject_request({}, 4));
  EXPECT_NE(reject_request({.command = {"x"}, .nodes = 2, .node = "node1"}, 4)->find("--node node1"),
            std::string::npos);
  EXPECT_FALSE(reject_request({.command = {"x"}, .ranks = 8, .nodes = 1, .node = "node1"}, 4));
  EXPECT_FALSE(reject_request({.command = {"x"}, .ranks = 1, .nodes = 1, .follows_nodes = true}, 4));
  EXPECT_TRUE(reject_request({.command = {"x"}, .ranks = 2, .follows_nodes = true}, 4));
}

TEST(MpirunCommand, StartsShimsThroughTheAgents) {
  const std::vector<std::string> command = mpirun_command(
      {.launcher = "/opt/launcher", .run_id = "r-0001", .interface = "lo"}, {{"node0", 0, 2}, {"node1", 2, 1}});
  const auto has = [&](const std::string& word) {
    return std::find(command.begin(), command.end(), word) != command.end();
  };
  EXPECT_TRUE(has("node0:2,node1:1"));
  EXPECT_TRUE(has("/opt/launcher rsh"));
  EXPECT_TRUE(has("plm_rsh_no_tree_spawn"));
  EXPECT_TRUE(has("btl_tcp_if_include"));
  EXPECT_EQ((std::vector<std::string>(command.end() - 4, command.end())),
            (std::vector<std::string>{"/opt/launcher", "rank", "--run", "r-0001"}));
}

TEST(ExitCause, NamesCodeOrSignal) {
  EXPECT_EQ(describe_exit(3, 0), "exited with 3");
  EXPECT_EQ(describe_exit(137, SIGKILL), "killed by signal 9 (SIGKILL)");
}

TEST(Program, IsFoundOnPathAndByPath) {
  const test::TemporaryFolder folder;
  const std::filesystem::path file = folder.write("tool", "#!/bin/sh\n");
  chmod(file.c_str(), 0755);
  EXPECT_EQ(resolve_program("tool", "/", folder.path().string()), file);
  EXPECT_EQ(resolve_program("./tool", folder.path(), ""), file);
}

TEST(Program, IsRejectedWhenAbsentAFolderOrNotExecutable) {
  const test::TemporaryFolder folder;
  folder.write("plain", "text");
  const std::string here = folder.path().string();
  EXPECT_THROW(static_cast<void>(resolve_program("./absent", here, "")), ConfigError);
  EXPECT_THROW(static_cast<void>(resolve_program("absent", here, here)), ConfigError);
  EXPECT_THROW(static_cast<void>(resolve_program("./plain", here, "")), ConfigError);
  EXPECT_THROW(static_cast<void>(resolve_program("./.", here, "")), ConfigError);
}

TEST(Program, IsNoMpiProgramWhenItIsAScriptOrPlainBinary) {
  const test::TemporaryFolder folder;
  EXPECT_FALSE(loads_mpi(folder.write("script", "#!/bin/sh\n")));
  EXPECT_FALSE(loads_mpi("/bin/true"));
  EXPECT_TRUE(elf_interpreter("/bin/true").has_value());
}

}  // namespace
}  // namespace trireme::launcher
