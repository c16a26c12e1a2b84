#include <gmock/gmock.h>

#include "context/store_bootstrap.h"
#include "trireme/base/error.h"

namespace trireme {
namespace {

using testing::HasSubstr;

constexpr bool kWithMpiLauncher = true;

RankEnvironment environment(int world, int local, bool has_mpi_launcher = false) {
  RankEnvironment result;
  result.world_size = world;
  result.local_world_size = local;
  result.node = "node-1";
  result.has_mpi_launcher = has_mpi_launcher;
  result.launched_by = has_mpi_launcher ? LaunchedBy::kOpenMpi : LaunchedBy::kTorchrun;
  return result;
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

TEST(Rendezvous, AWorldOfOneServesItself) { EXPECT_EQ(choose_rendezvous(environment(1, 1), true), Rendezvous::kAlone); }

TEST(Rendezvous, SaysWhatIsMissing) {
  EXPECT_THROW(static_cast<void>(choose_rendezvous(environment(2, 2), true)), ConfigError);
}

}  // namespace
}  // namespace trireme
