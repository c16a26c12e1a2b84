#include "trireme/collectives/auto.h"

#include <gmock/gmock.h>

#include "support/started_environment.h"
#include "trireme/base/error.h"

namespace trireme::collectives {
namespace {

using testing::HasSubstr;
using trireme::test::kWithMpiLauncher;
using trireme::test::started_environment;

const BackendRequest kAutoWithMpi{"auto", true};
const BackendRequest kAutoWithoutMpi{"auto", false};

std::string error_of(const RankEnvironment& where, const BackendRequest& request) {
  try {
    static_cast<void>(choose_backend(where, request));
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "no error";
}

TEST(BackendChoice, TakesSingleForOneRank) {
  EXPECT_EQ(choose_backend(started_environment(1, 1), kAutoWithMpi).backend, Backend::kSingle);
}

TEST(BackendChoice, TakesShmWhenAllRanksAreOnOneNodeEvenUnderMpirun) {
  EXPECT_EQ(choose_backend(started_environment(4, 4, kWithMpiLauncher), kAutoWithMpi).backend, Backend::kShm);
  EXPECT_EQ(choose_backend(started_environment(4, 4), kAutoWithoutMpi).reason, "all 4 ranks are on one node");
}

TEST(BackendChoice, JoinsNodesByMpiWhereMpiStartedTheRanksElseByTcp) {
  const auto by_mpi = choose_backend(started_environment(4, 2, kWithMpiLauncher), kAutoWithMpi);
  EXPECT_EQ(by_mpi.backend, Backend::kHierarchical);
  EXPECT_EQ(by_mpi.between_nodes, Backend::kMpi);
  EXPECT_TRUE(by_mpi.uses_mpi());
  EXPECT_EQ(choose_backend(started_environment(4, 2), kAutoWithMpi).between_nodes, Backend::kTcp);
  const auto by_tcp = choose_backend(started_environment(4, 2, kWithMpiLauncher), kAutoWithoutMpi);
  EXPECT_EQ(by_tcp.between_nodes, Backend::kTcp);
  EXPECT_FALSE(by_tcp.uses_mpi());
  EXPECT_TRUE(by_tcp.needs_store());
}

TEST(BackendChoice, TakesNcclForBuffersOfGpusWhereTheBuildHasIt) {
  EXPECT_EQ(choose_backend(started_environment(2, 2), {.build_has_nccl = true, .is_for_gpus = true}).backend,
            Backend::kNccl);
  EXPECT_THAT(error_of(started_environment(2, 2), {.is_for_gpus = true}),
              HasSubstr("this build of Trireme has no NCCL"));
}

TEST(BackendChoice, TakesItsNameFromTheEnvironment) {
  EXPECT_EQ(default_request([](const std::string&) { return "tcp"; }).name, "tcp");
  EXPECT_EQ(default_request([](const std::string&) { return std::nullopt; }).name, "auto");
}

TEST(BackendChoice, FollowsARequestWhereItCanBe) {
  EXPECT_EQ(choose_backend(started_environment(4, 4, kWithMpiLauncher), {"mpi", true}).backend, Backend::kMpi);
  EXPECT_EQ(choose_backend(started_environment(1, 1), {"shm", true}).backend, Backend::kShm);
  EXPECT_EQ(choose_backend(started_environment(4, 4), {"tcp", true}).backend, Backend::kTcp);
  EXPECT_EQ(choose_backend(started_environment(4, 4), {"hierarchical", true}).backend, Backend::kHierarchical);
}

TEST(BackendChoice, RefusesARequestThatCannotBe) {
  EXPECT_THAT(error_of(started_environment(4, 2), {"shm", true}),
              HasSubstr("only 2 of the 4 ranks are on node node-1"));
  EXPECT_THAT(error_of(started_environment(2, 2), {"single", true}), HasSubstr("launched 2 ranks"));
  EXPECT_THAT(error_of(started_environment(2, 2), {"mpi", true}), HasSubstr("mpirun -np 2"));
  EXPECT_THAT(error_of(started_environment(1, 1), {"gloo", true}),
              HasSubstr("auto, single, shm, tcp, mpi, hierarchical or nccl"));
}

}  // namespace
}  // namespace trireme::collectives
