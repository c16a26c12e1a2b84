#include <gtest/gtest.h>

#include <sys/socket.h>

#include <array>
#include <csignal>

#include <nlohmann/json.hpp>

#include "agent/child_process.h"
#include "agent/line_channel.h"
#include "agent/line_splitter.h"
#include "agent/process_identity.h"
#include "agent/rank_variables.h"
#include "support/temporary_folder.h"
#include "trireme/base/error.h"

namespace trireme::launcher {
namespace {

TEST(LineSplitter, JoinsPiecesAndKeepsTheRest) {
  LineSplitter splitter;
  EXPECT_TRUE(splitter.add("on").empty());
  EXPECT_EQ(splitter.add("e\r\ntwo\nthr"), (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(splitter.rest(), (std::vector<std::string>{"thr"}));
  EXPECT_TRUE(splitter.rest().empty());
}

TEST(LineSplitter, CutsLinesThatWouldFillMemory) {
  LineSplitter splitter;
  EXPECT_EQ(splitter.add(std::string(LineSplitter::kLongest + 1, 'x')).size(), 1U);
}

TEST(LineChannel, CarriesLinesAndDescriptors) {
  std::array<int, 2> ends{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  LineChannel left{UniqueFd(ends[0])};
  LineChannel right{UniqueFd(ends[1])};
  EXPECT_TRUE(left.send({{"type", "exec"}}, {0, 1, 2}));
  EXPECT_EQ(parse_line(*right.receive()).value("type", ""), "exec");
  EXPECT_EQ(right.take_descriptors().size(), 3U);
  left.shut_down();
  EXPECT_FALSE(right.receive());
}

TEST(LineChannel, TakesWhatIsNoJsonForAnEmptyMessage) { EXPECT_TRUE(parse_line("{not json").empty()); }

TEST(LineChannel, RefusesSocketPathsThatAreTooLong) {
  EXPECT_THROW(static_cast<void>(listen_unix("/tmp/" + std::string(120, 'x'))), ConfigError);
}

TEST(ChildProcess, TellsExitCodesAndSignalsApart) {
  EXPECT_EQ(wait_for(spawn({.command = {"/bin/sh", "-c", "exit 3"}})).code, 3);
  const ExitStatus killed = wait_for(spawn({.command = {"/bin/sh", "-c", "kill -9 $$"}}));
  EXPECT_EQ(killed.code, 128 + SIGKILL);
  EXPECT_EQ(killed.signal, SIGKILL);
}

TEST(ChildProcess, NamesTheProgramThatCannotBeStarted) {
  try {
    static_cast<void>(spawn({.command = {"/no/such/program"}}));
    FAIL() << "it was started";
  } catch (const ConfigError& error) {
    EXPECT_NE(std::string(error.what()).find("/no/such/program"), std::string::npos);
  }
}

TEST(ProcessIdentity, IsNotFooledByAnotherStartTime) {
  const pid_t child = spawn({.command = {"/bin/sleep", "100"}});
  const std::optional<ProcessIdentity> identity = identify(child);
  ASSERT_TRUE(identity);
  EXPECT_TRUE(is_alive(*identity));
  EXPECT_FALSE(send_signal({child, identity->start_time + 1}, SIGKILL));
  EXPECT_TRUE(send_signal(*identity, SIGKILL));
  EXPECT_EQ(wait_for(child).signal, SIGKILL);
  EXPECT_FALSE(is_alive(*identity));
}

TEST(RankVariables, SpeakTorchrunsLanguageWithoutMpirun) {
  const RankPlace place{.node = "node1", .store = "h:1", .master_port = 29, .rank = 3, .world_size = 4};
  const auto variables = rank_variables(place, {}, false);
  EXPECT_EQ(variables.at("RANK"), "3");
  EXPECT_EQ(variables.at("WORLD_SIZE"), "4");
  EXPECT_EQ(variables.at("MASTER_PORT"), "29");
  EXPECT_EQ(variables.at("TRIREME_STORE"), "h:1");
  EXPECT_EQ(variables.at("OMP_NUM_THREADS"), "1");
}

TEST(RankVariables, LeaveRanksToMpirunAndThreadsToTheUser) {
  const auto variables = rank_variables({.world_size = 4}, {{"OMP_NUM_THREADS", "7"}, {"TRIREME_NODE", "host"}}, true);
  EXPECT_FALSE(variables.contains("RANK"));
  EXPECT_FALSE(variables.contains("OMP_NUM_THREADS"));
  EXPECT_FALSE(variables.contains("TRIREME_NODE"));
}

TEST(RankVariables, DoNotLetTheShellsLaunchReachARank) {
  EXPECT_TRUE(is_launch_variable("OMPI_COMM_WORLD_RANK"));
  EXPECT_TRUE(is_launch_variable("RANK"));
  EXPECT_TRUE(is_launch_variable("TRIREME_STORE"));
  EXPECT_FALSE(is_launch_variable("TRIREME_NODE"));
  EXPECT_FALSE(is_launch_variable("PATH"));
}

}  // namespace
}  // namespace trireme::launcher
