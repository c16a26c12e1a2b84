#include "trireme/base/rank_environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "trireme/base/error.h"

namespace trireme {
namespace {

using Variables = std::map<std::string, std::string>;
using testing::HasSubstr;

RankEnvironment read(const Variables& variables) {
  return read_rank_environment([&](const std::string& name) -> std::optional<std::string> {
    const auto entry = variables.find(name);
    if (entry == variables.end()) return std::nullopt;
    return entry->second;
  });
}

// Copies of `variables` with one changed.
Variables with(Variables variables, const std::string& name, const std::string& value) {
  variables[name] = value;
  return variables;
}
Variables without(Variables variables, const std::string& name) {
  variables.erase(name);
  return variables;
}

std::string error_of(const Variables& variables) {
  try {
    read(variables);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "no error";
}

const Variables kOpenMpi{{"OMPI_COMM_WORLD_RANK", "5"},
                         {"OMPI_COMM_WORLD_SIZE", "8"},
                         {"OMPI_COMM_WORLD_LOCAL_RANK", "1"},
                         {"OMPI_COMM_WORLD_LOCAL_SIZE", "4"},
                         {"OMPI_COMM_WORLD_NODE_RANK", "1"}};

const Variables kTorchrun{
    {"RANK", "3"},       {"WORLD_SIZE", "4"},         {"LOCAL_RANK", "1"},      {"LOCAL_WORLD_SIZE", "2"},
    {"GROUP_RANK", "1"}, {"MASTER_ADDR", "10.0.0.7"}, {"MASTER_PORT", "29500"}, {"TORCHELASTIC_RUN_ID", "x"}};

const Variables kSlurm{{"SLURM_PROCID", "5"},
                       {"SLURM_STEP_NUM_TASKS", "7"},
                       {"SLURM_NTASKS", "9"},
                       {"SLURM_LOCALID", "1"},
                       {"SLURM_NODEID", "1"},
                       {"SLURM_STEP_TASKS_PER_NODE", "4,3"},
                       {"SLURM_STEP_NODELIST", "gpu[07-08]"},
                       {"SLURM_JOB_ID", "1234"},
                       {"SLURM_STEP_ID", "2"},
                       {"SLURMD_NODENAME", "gpu08"}};

TEST(RankEnvironment, IsAWorldOfOneWithoutALauncher) {
  const auto env = read({});
  EXPECT_EQ(env.launched_by, LaunchedBy::kNothing);
  EXPECT_EQ(env.rank, 0);
  EXPECT_EQ(env.world_size, 1);
  EXPECT_EQ(env.local_world_size, 1);
  EXPECT_FALSE(env.has_mpi_launcher);
  EXPECT_FALSE(env.node.empty());
  EXPECT_EQ(env.master_addr, std::nullopt);
}

TEST(RankEnvironment, ReadsOpenMpi) {
  const auto env = read(kOpenMpi);
  EXPECT_EQ(env.launched_by, LaunchedBy::kOpenMpi);
  EXPECT_EQ(env.rank, 5);
  EXPECT_EQ(env.world_size, 8);
  EXPECT_EQ(env.local_rank, 1);
  EXPECT_EQ(env.local_world_size, 4);
  EXPECT_EQ(env.node_rank, 1);
  EXPECT_TRUE(env.has_mpi_launcher);
}

TEST(RankEnvironment, ReadsTorchrun) {
  const auto env = read(kTorchrun);
  EXPECT_EQ(env.launched_by, LaunchedBy::kTorchrun);
  EXPECT_EQ(env.rank, 3);
  EXPECT_EQ(env.world_size, 4);
  EXPECT_EQ(env.local_rank, 1);
  EXPECT_EQ(env.local_world_size, 2);
  EXPECT_EQ(env.node_rank, 1);
  EXPECT_EQ(env.master_addr, "10.0.0.7");
  EXPECT_EQ(env.master_port, 29500);
  EXPECT_TRUE(env.master_is_torch_store);
  EXPECT_FALSE(env.has_mpi_launcher);
}

TEST(RankEnvironment, TakesRanksSetByHandAsOneNode) {
  const auto env = read({{"RANK", "1"}, {"WORLD_SIZE", "3"}, {"MASTER_ADDR", "127.0.0.1"}, {"MASTER_PORT", "29500"}});
  EXPECT_EQ(env.local_rank, 1);
  EXPECT_EQ(env.local_world_size, 3);
  EXPECT_FALSE(env.master_is_torch_store);
}

TEST(RankEnvironment, WantsLocalRanksOnSeveralNodes) {
  EXPECT_THAT(error_of({{"RANK", "1"}, {"WORLD_SIZE", "3"}, {"MASTER_ADDR", "10.0.0.7"}}),
              HasSubstr("LOCAL_RANK is not"));
}

TEST(RankEnvironment, ReadsSlurm) {
  const auto env = read(kSlurm);
  EXPECT_EQ(env.launched_by, LaunchedBy::kSlurm);
  EXPECT_EQ(env.rank, 5);
  EXPECT_EQ(env.world_size, 7);
  EXPECT_EQ(env.local_rank, 1);
  EXPECT_EQ(env.local_world_size, 3);
  EXPECT_EQ(env.node_rank, 1);
  EXPECT_EQ(env.node, "gpu08");
  EXPECT_FALSE(env.has_mpi_launcher);
}

TEST(RankEnvironment, DerivesTheSameSlurmAddressOnEveryTask) {
  const auto env = read(kSlurm);
  EXPECT_EQ(env.master_addr, "gpu07");
  EXPECT_EQ(env.master_port, 20000 + (1234 * 16 + 2) % 10000);
  EXPECT_EQ(read(with(kSlurm, "MASTER_ADDR", "other")).master_addr, "other");
}

TEST(RankEnvironment, KnowsThatSlurmPreparedMpi) { EXPECT_TRUE(read(with(kSlurm, "PMIX_RANK", "5")).has_mpi_launcher); }

TEST(RankEnvironment, DoesNotTakeASlurmBatchShellForATask) {
  const auto env =
      read({{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "4"}, {"SLURM_LOCALID", "0"}, {"ENVIRONMENT", "BATCH"}});
  EXPECT_EQ(env.launched_by, LaunchedBy::kNothing);
  EXPECT_EQ(env.world_size, 1);
}

TEST(RankEnvironment, PrefersOpenMpiInsideSlurm) {
  auto both = kOpenMpi;
  both.insert(kSlurm.begin(), kSlurm.end());
  EXPECT_EQ(read(both).launched_by, LaunchedBy::kOpenMpi);
  EXPECT_EQ(read(both).world_size, 8);
}

TEST(RankEnvironment, PrefersTorchrunThatMpirunStarted) {
  auto both = kTorchrun;
  both.insert(kOpenMpi.begin(), kOpenMpi.end());
  EXPECT_EQ(read(both).launched_by, LaunchedBy::kTorchrun);
  EXPECT_EQ(read(both).rank, 3);
}

TEST(RankEnvironment, RejectsOpenMpiAndHandSetRanksThatDisagree) {
  const auto error = error_of(with(with(kOpenMpi, "RANK", "0"), "WORLD_SIZE", "1"));
  EXPECT_THAT(error, HasSubstr("rank 5 of 8"));
  EXPECT_THAT(error, HasSubstr("RANK=0 WORLD_SIZE=1"));
  EXPECT_EQ(read(with(kOpenMpi, "RANK", "5")).rank, 5);
}

TEST(RankEnvironment, ReadsTheLaunchersOwnVariables) {
  auto variables = kOpenMpi;
  variables.insert({{"TRIREME_STORE", "10.0.0.1:4000"},
                    {"TRIREME_STATUS_SOCKET", "/tmp/agent.sock"},
                    {"TRIREME_RUN_ID", "r-0001"},
                    {"TRIREME_RUN_DIR", "/tmp/run"},
                    {"TRIREME_NODE", "node2"}});
  const auto env = read(variables);
  EXPECT_EQ(env.launched_by, LaunchedBy::kTriremeLauncher);
  EXPECT_TRUE(env.has_mpi_launcher);
  EXPECT_EQ(env.rank, 5);
  EXPECT_EQ(env.store, "10.0.0.1:4000");
  EXPECT_EQ(env.status_socket, "/tmp/agent.sock");
  EXPECT_EQ(env.run_id, "r-0001");
  EXPECT_EQ(env.run_dir, "/tmp/run");
  EXPECT_EQ(env.node, "node2");
}

TEST(RankEnvironment, JoinsTheRanksOfOneKernelWhenAsked) {
  EXPECT_EQ(read({{"TRIREME_NODE", "host"}}).node, read({}).node);
}

TEST(RankEnvironment, TakesAnEmptyVariableAsUnset) {
  EXPECT_EQ(read({{"RANK", ""}, {"WORLD_SIZE", ""}, {"TRIREME_STORE", ""}}).launched_by, LaunchedBy::kNothing);
}

TEST(RankEnvironment, NamesTheVariableThatIsMissing) {
  EXPECT_THAT(error_of(without(kTorchrun, "WORLD_SIZE")), HasSubstr("RANK is set but WORLD_SIZE is not"));
  EXPECT_THAT(error_of(without(kTorchrun, "RANK")), HasSubstr("WORLD_SIZE is set but RANK is not"));
  EXPECT_THAT(error_of(without(kOpenMpi, "OMPI_COMM_WORLD_SIZE")), HasSubstr("OMPI_COMM_WORLD_SIZE is not"));
  EXPECT_THAT(error_of(without(kSlurm, "SLURM_LOCALID")), HasSubstr("SLURM_LOCALID is not"));
}

TEST(RankEnvironment, NamesVariableAndValueThatIsNoNumber) {
  for (const char* bad : {"three", "3x", "-1", "99999999999", " 3", "3.0"}) {
    EXPECT_THAT(error_of(with(kTorchrun, "RANK", bad)), HasSubstr(std::string("RANK='") + bad + "'"));
  }
  EXPECT_THAT(error_of(with(kTorchrun, "WORLD_SIZE", "0")), HasSubstr("WORLD_SIZE='0'"));
  EXPECT_THAT(error_of(with(kTorchrun, "MASTER_PORT", "65536")), HasSubstr("MASTER_PORT='65536'"));
}

TEST(RankEnvironment, RejectsARankOutsideTheWorld) {
  EXPECT_THAT(error_of(with(kTorchrun, "RANK", "4")), HasSubstr("RANK=4 is not below WORLD_SIZE=4"));
  EXPECT_THAT(error_of(with(kTorchrun, "LOCAL_RANK", "2")), HasSubstr("LOCAL_RANK=2 is not below LOCAL_WORLD_SIZE=2"));
  EXPECT_THAT(error_of(with(kOpenMpi, "OMPI_COMM_WORLD_RANK", "8")), HasSubstr("OMPI_COMM_WORLD_RANK=8"));
  EXPECT_THAT(error_of(with(kSlurm, "SLURM_PROCID", "7")), HasSubstr("SLURM_PROCID=7"));
}

TEST(ProcessEnvironment, SeesWhatTheProcessHas) {
  ::setenv("TRIREME_TEST_VARIABLE", "7", 1);
  const auto lookup = process_environment();
  EXPECT_EQ(lookup("TRIREME_TEST_VARIABLE"), "7");
  ::unsetenv("TRIREME_TEST_VARIABLE");
  EXPECT_EQ(lookup("TRIREME_TEST_VARIABLE"), std::nullopt);
}

}  // namespace
}  // namespace trireme
