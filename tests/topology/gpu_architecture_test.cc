#include "trireme/topology/gpu_architecture.h"

#include <gtest/gtest.h>

namespace trireme::topology {
namespace {

TEST(GpuArchitectureOf, KnownGpus) {
  EXPECT_EQ(gpu_architecture(0x102d)->name, "Kepler");           // K80
  EXPECT_EQ(gpu_architecture(0x15f8)->compute_capability, 60);   // P100
  EXPECT_EQ(gpu_architecture(0x1db4)->compute_capability, 70);   // V100 PCIe 16 GB
  EXPECT_EQ(gpu_architecture(0x1eb8)->compute_capability, 75);   // T4
  EXPECT_EQ(gpu_architecture(0x20b0)->compute_capability, 80);   // A100 SXM4 40 GB
  EXPECT_EQ(gpu_architecture(0x2236)->compute_capability, 86);   // A10
  EXPECT_EQ(gpu_architecture(0x26b9)->compute_capability, 89);   // L40S
  EXPECT_EQ(gpu_architecture(0x2330)->compute_capability, 90);   // H100 SXM5
  EXPECT_EQ(gpu_architecture(0x2335)->compute_capability, 90);   // H200
  EXPECT_EQ(gpu_architecture(0x2901)->compute_capability, 100);  // B200
}

TEST(GpuArchitectureOf, UnknownIdsIsNothing) {
  EXPECT_EQ(gpu_architecture(0x0000), std::nullopt);
  EXPECT_EQ(gpu_architecture(0xffff), std::nullopt);
}

TEST(GpuArchitectureOf, TheOldestThatTheBuildSupportsIsTuring) {
  EXPECT_LT(gpu_architecture(0x1db4)->compute_capability, kOldestComputeCapability);
  EXPECT_GE(gpu_architecture(0x1eb8)->compute_capability, kOldestComputeCapability);
}

}  // namespace
}  // namespace trireme::topology
