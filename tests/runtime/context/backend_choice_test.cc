#include "context/backend_choice.h"

#include <gmock/gmock.h>

#include "context/store_bootstrap.h"
#include "trireme/base/error.h"

namespace trireme {
namespace {

using testing::HasSubstr;

RankEnvironment environment(int world, int local, bool has_mpi_launcher = false) {
  RankEnvironment result;
  result.world_size = world;
  result.local_world_size = local;
  result.node = "node-1";
  result.has_mpi_launcher = has_mpi_launcher;
  result.launched_by = has_mpi_launcher ? LaunchedBy::kOpenMpi : LaunchedBy::kTorchrun;
  return result;
}

constexpr bool kWithMpiLauncher = true;
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
  EXPECT_EQ(choose_backend(environment(1, 1), kAutoWithMpi).backend, Backend::kSingle);
}

TEST(BackendChoice, TakesShmWhenAllRanksAreOnOneNodeEvenUnderMpirun) {
  EXPECT_EQ(choose_backend(environment(4, 4, kWithMpiLauncher), kAutoWithMpi).backend, Backend::kShm);
  EXPECT_EQ(choose_backend(environment(4, 4), kAutoWithoutMpi).reason, "all 4 ranks are on one node");
}

TEST(BackendChoice, TakesMpiBetweenNodes) {
  EXPECT_EQ(choose_backend(environment(4, 2, kWithMpiLauncher), kAutoWithMpi).backend, Backend::kMpi);
}

TEST(BackendChoice, SaysWhatToDoBetweenNodesWithoutMpi) {
  EXPECT_THAT(error_of(environment(4, 2), kAutoWithMpi), HasSubstr("start the program with mpirun"));
  EXPECT_THAT(error_of(environment(4, 2, kWithMpiLauncher), kAutoWithoutMpi), HasSubstr("Install libopenmpi-dev"));
}

TEST(BackendChoice, FollowsARequestWhereItCanBe) {
  EXPECT_EQ(choose_backend(environment(4, 4, kWithMpiLauncher), {"mpi", true}).backend, Backend::kMpi);
  EXPECT_EQ(choose_backend(environment(1, 1), {"shm", true}).backend, Backend::kShm);
}

TEST(BackendChoice, RefusesARequestThatCannotBe) {
  EXPECT_THAT(error_of(environment(4, 2), {"shm", true}), HasSubstr("only 2 of the 4 ranks are on node node-1"));
  EXPECT_THAT(error_of(environment(2, 2), {"single", true}), HasSubstr("launched 2 ranks"));
  EXPECT_THAT(error_of(environment(2, 2), {"mpi", true}), HasSubstr("mpirun -np 2"));
  EXPECT_THAT(error_of(environment(1, 1), {"gloo", true}), HasSubstr("auto, single, shm or mpi"));
}

TEST(Rendezvous, PrefersTheLaunchersStore) {
  auto where = environment(2, 2, kWithMpiLauncher);
  where.store = "127.0.0.1:4000";
  EXPECT_EQ(choose_rendezvous(where, true), Rendezvous::kGivenStore);
}

TEST(Rendezvous, UsesMpiUnderMpirunAndTorchsStoreUnderTorchrun) {
  EXPECT_EQ(choose_rendezvous(environment(2, 2, kWithMpiLauncher), true), Rendezvous::kMpi);
  auto where = environment(2, 2);
  where.master_addr = "127.0.0.1";
  where.master_port = 29500;
  EXPECT_EQ(choose_rendezvous(where, true), Rendezvous::kMasterPort);
  where.master_is_torch_store = true;
  EXPECT_EQ(choose_rendezvous(where, true), Rendezvous::kTorchrun);
}

TEST(Rendezvous, SaysWhatIsMissing) {
  EXPECT_THROW(static_cast<void>(choose_rendezvous(environment(2, 2), true)), ConfigError);
}

}  // namespace
}  // namespace trireme
