#include <gmock/gmock.h>

#include "context/store_bootstrap.h"
#include "support/started_environment.h"
#include "trireme/base/error.h"

namespace trireme {
namespace {

using test::kWithMpiLauncher;
using test::started_environment;
using testing::HasSubstr;

TEST(Rendezvous, PrefersTheLaunchersStore) {
  auto where = started_environment(2, 2, kWithMpiLauncher);
  where.store = "127.0.0.1:4000";
  EXPECT_EQ(choose_rendezvous(where, true), Rendezvous::kGivenStore);
}

TEST(Rendezvous, UsesMpiUnderMpirunAndTorchsStoreUnderTorchrun) {
  EXPECT_EQ(choose_rendezvous(started_environment(2, 2, kWithMpiLauncher), true), Rendezvous::kMpi);
  auto where = started_environment(2, 2);
  where.master_addr = "127.0.0.1";
  where.master_port = 29500;
  EXPECT_EQ(choose_rendezvous(where, true), Rendezvous::kMasterPort);
  where.master_is_torch_store = true;
  EXPECT_EQ(choose_rendezvous(where, true), Rendezvous::kTorchrun);
}

TEST(Rendezvous, AWorldOfOneServesItself) {
  EXPECT_EQ(choose_rendezvous(started_environment(1, 1), true), Rendezvous::kAlone);
}

TEST(Rendezvous, SaysWhatIsMissing) {
  EXPECT_THROW(static_cast<void>(choose_rendezvous(started_environment(2, 2), true)), ConfigError);
}

}  // namespace
}  // namespace trireme
