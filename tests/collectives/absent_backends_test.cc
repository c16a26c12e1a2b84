#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "trireme/base/error.h"
#include "trireme/base/store.h"
#include "trireme/collectives/mpi.h"
#include "trireme/collectives/nccl.h"

// The stand-ins of a build without MPI and NCCL, compiled into this program whatever the build has.
namespace trireme::collectives {
namespace {

TEST(AbsentMpi, SaysWhatToInstallWhenAskedFor) {
  EXPECT_FALSE(has_mpi());
  try {
    (void)make_mpi(4);
    FAIL() << "threw nothing";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("libopenmpi-dev"));
  }
}

TEST(AbsentNccl, SaysWhatToInstallWhenAskedFor) {
  EXPECT_FALSE(has_nccl());
  InMemoryStore store;
  try {
    (void)make_nccl(store, {});
    FAIL() << "threw nothing";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("NCCL 2.28"));
  }
}

}  // namespace
}  // namespace trireme::collectives
