#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "agent/child_process.h"
#include "cli/exit_codes.h"
#include "support/temporary_folder.h"

// The built binary against what users type wrong: one line on standard error, a documented exit code, nothing started.
namespace trireme::launcher {
namespace {

struct Result {
  int code = 0;
  std::string output;
  std::string errors;
};

class BadInput : public ::testing::Test {
 protected:
  Result launch(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), LAUNCHER_BINARY);
    const std::filesystem::path output = folder_ / "out";
    const std::filesystem::path errors = folder_ / "err";
    const UniqueFd output_file(open(output.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644));
    const UniqueFd error_file(open(errors.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644));
    const std::vector<std::string> environment = {"PATH=/usr/bin:/bin", "XDG_STATE_HOME=" + state_.string(),
                                                  "TMPDIR=" + folder_.path().string()};
    const int code = wait_for(spawn({.command = arguments,
                                     .environment = environment,
                                     .working_directory = folder_.path().string(),
                                     .standard_output = output_file.get(),
                                     .standard_error = error_file.get()}))
                         .code;
    return {code, read(output), read(errors)};
  }

  // One line that begins as every error does and says `part`.
  static void expect_error(const Result& result, ExitCode code, const std::string& part) {
    EXPECT_EQ(result.code, code) << result.errors;
    EXPECT_EQ(result.errors.rfind("launcher: error: ", 0), 0U) << result.errors;
    EXPECT_NE(result.errors.find(part), std::string::npos) << result.errors;
    EXPECT_EQ(std::count(result.errors.begin(), result.errors.end(), '\n'), 1) << result.errors;
  }

  static std::string read(const std::filesystem::path& file) {
    std::ifstream stream(file);
    std::ostringstream text;
    text << stream.rdbuf();
    return text.str();
  }

  const test::TemporaryFolder folder_;
  std::filesystem::path state_ = folder_ / "state";
};

TEST_F(BadInput, UnknownFlagsAreNamed) { expect_error(launch({"up", "--frobnicate"}), kBadInput, "--frobnicate"); }

TEST_F(BadInput, UnknownCommandsAreNamed) { expect_error(launch({"fly"}), kBadInput, "fly"); }

TEST_F(BadInput, NoCommandPointsToTheHelp) { expect_error(launch({}), kBadInput, "launcher --help"); }

TEST_F(BadInput, ZeroNodesAreTooFew) { expect_error(launch({"up", "--nodes", "0"}), kBadInput, "1"); }

TEST_F(BadInput, MoreNodesThanTheLimitAreTooMany) { expect_error(launch({"up", "--nodes", "257"}), kBadInput, "256"); }

TEST_F(BadInput, NodesAreANumber) { expect_error(launch({"up", "--nodes", "four"}), kBadInput, "four"); }

TEST_F(BadInput, PortsMustDiffer) {
  expect_error(launch({"up", "--dask-port", "9000", "--http-port", "9000"}), kBadInput, "9000");
}

TEST_F(BadInput, ClusterNamesAreChecked) { expect_error(launch({"up", "--name", "../x"}), kBadInput, "../x"); }

TEST_F(BadInput, GpusThatAreNotThereAreNotInvented) {
  if (std::filesystem::exists("/dev/nvidia0")) return;  // this machine has one: tests labelled gpu look at that
  const Result result = launch({"up", "--nodes", "4", "--gpu"});
  expect_error(result, kNoResource, "0 of 4 nodes have a GPU");
  EXPECT_NE(result.errors.find("/dev/nvidia[0-9]*: no such device file"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(state_ / "trireme" / "default" / "cluster.json"));
}

TEST_F(BadInput, RunsNeedACluster) {
  expect_error(launch({"run", "--", "/bin/true"}), kNotFound, "launcher up --nodes 4");
}

TEST_F(BadInput, RunsNeedAProgram) {
  expect_error(launch({"run", "-n", "2"}), kBadInput, "needs a program after --");
  expect_error(launch({"submit", "-n", "2", "--"}), kBadInput, "launcher submit -n 4 -- PROGRAM");
}

TEST_F(BadInput, ProgramsComeAfterTwoDashes) {
  expect_error(launch({"run", "-n", "4", "./train", "--steps", "3", "-n", "1"}), kBadInput,
               "type: launcher run -n 4 -- ./train --steps 3 -n 1\n");
  expect_error(launch({"submit", "--name", "a b", "sh", "-c", "echo $RANK"}), kBadInput,
               "type: launcher submit --name 'a b' -- sh -c 'echo $RANK'\n");
  expect_error(launch({"run", "./train", "--", "x"}), kBadInput, "type: launcher run -- ./train -- x\n");
  expect_error(launch({"run", "status"}), kBadInput, "type: launcher run -- status\n");
}

TEST_F(BadInput, UnknownFlagsOfRunsAreNamed) {
  expect_error(launch({"run", "--frobnicate", "--", "/bin/true"}), kBadInput,
               "launcher run has no option --frobnicate");
  expect_error(launch({"run", "--frobnicate", "3", "/bin/true"}), kBadInput, "launcher run has no option --frobnicate");
}

TEST_F(BadInput, ProgramsMustExist) {
  expect_error(launch({"run", "--", "./absent"}), kBadInput, "absent does not exist");
  expect_error(launch({"run", "--", "absent"}), kBadInput, "was not found on PATH");
}

TEST_F(BadInput, ProgramsMustBeExecutable) {
  folder_.write("plain", "text");
  expect_error(launch({"run", "--", "./plain"}), kBadInput, "chmod +x");
}

TEST_F(BadInput, RanksAreAtLeastOne) { expect_error(launch({"run", "-n", "0", "--", "true"}), kBadInput, "1"); }

TEST_F(BadInput, EnvironmentIsKeyAndValue) {
  expect_error(launch({"run", "--env", "FOO", "--", "/bin/true"}), kBadInput, "KEY=VALUE");
}

TEST_F(BadInput, MpiIsOnOrOff) {
  expect_error(launch({"run", "--mpi", "--no-mpi", "--", "/bin/true"}), kBadInput, "exclude");
}

TEST_F(BadInput, StatusAndDownNeedACluster) {
  expect_error(launch({"status"}), kNotFound, "no cluster default is up");
  expect_error(launch({"down"}), kNotFound, "nothing to take down");
  expect_error(launch({"cancel", "r-0001"}), kNotFound, "no cluster default is up");
}

TEST_F(BadInput, HistoriesThatNeverWereAreNotFound) {
  expect_error(launch({"runs"}), kNotFound, "launcher up");
  expect_error(launch({"logs", "r-0001"}), kNotFound, "launcher up");
}

TEST_F(BadInput, TornClusterRecordsAreNamed) {
  folder_.write("state/trireme/default/cluster.json", "{\"version\": 1, \"na");
  expect_error(launch({"status"}), kNoResource, "cluster.json");
}

TEST_F(BadInput, SchedulersThatDoNotAnswerAreUnreachable) {
  folder_.write("state/trireme/default/cluster.json",
                R"({"version": 1, "name": "default", "provider": "local", "host": "127.0.0.1", "dask_port": 1,
                    "http_port": 2, "nodes": 1, "started": 0, "runtime_folder": "/nonexistent", "processes": []})");
  expect_error(launch({"status"}), kUnreachable, "127.0.0.1:2");
}

TEST_F(BadInput, StateFoldersThatCannotBeWrittenAreNamed) {
  folder_.write("file", "");
  state_ = folder_ / "file";
  const Result result = launch({"up", "--nodes", "1", "--dask-port", "39871", "--http-port", "39872"});
  expect_error(result, kNoResource, "XDG_STATE_HOME");
  EXPECT_NE(result.errors.find((folder_ / "file").string()), std::string::npos) << result.errors;
}

TEST_F(BadInput, TwoUpsAtOnceAreToldApart) {
  const UniqueFd lock(open(folder_.write("state/trireme/default/lock", "").c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_EQ(flock(lock.get(), LOCK_EX), 0);
  expect_error(launch({"up", "--nodes", "1"}), kConflict, "another launcher");
}

TEST_F(BadInput, EveryCommandHasHelpWithAnExample) {
  for (const char* command :
       {"up", "down", "status", "run", "submit", "logs", "cancel", "runs", "scheduler", "agent", "rank", "rsh"}) {
    const Result result = launch({command, "--help"});
    EXPECT_EQ(result.code, 0) << command;
    EXPECT_NE(result.output.find("Example: launcher "), std::string::npos) << command;
  }
}

TEST_F(BadInput, VersionIsPrinted) {
  const Result result = launch({"--version"});
  EXPECT_EQ(result.code, 0);
  EXPECT_EQ(result.output.rfind("launcher 0.", 0), 0U) << result.output;
}

}  // namespace
}  // namespace trireme::launcher
