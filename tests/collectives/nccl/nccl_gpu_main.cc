#include <string>

#include "../communicator_conformance.h"
#include "gpu_ranks.h"

// The suite and more on the real NCCL, ranks as processes.
namespace trireme::collectives::test {
namespace {

World gpu_world(int ranks) {
  const auto run = [ranks](const RankBody& body) {
    run_gpu_ranks(ranks, [&](const GpuRank& rank) { body(*rank.make("world")); });
  };
  return {"nccl_gpu_" + std::to_string(ranks), ranks, run, false};
}

// With two ranks there is one order of a sum, so the suite's bits hold for NCCL too.
INSTANTIATE_TEST_SUITE_P(Gpu, CommunicatorConformance, testing::Values(gpu_world(1), gpu_world(2)), name_of);
INSTANTIATE_TEST_SUITE_P(Gpu, PeerConformance, testing::Values(gpu_world(2)), name_of);

// What of the suite cannot hold here: allocated memory is the GPU's, which the suite reads and writes from the host
// (nccl_gpu_test.cc has tests of it), and NCCL does not say what becomes of a NaN in min and max.
constexpr const char* kNotHere = "Gpu/*AllocatedMemory*:Gpu/*SomeRanksMayUseOtherMemory*:Gpu/*MinAndMaxGiveNan*";

}  // namespace
}  // namespace trireme::collectives::test

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  auto& filter = testing::GTEST_FLAG(filter);
  filter += (filter.find('-') == std::string::npos ? "-" : ":") + std::string(trireme::collectives::test::kNotHere);
  return RUN_ALL_TESTS();
}
