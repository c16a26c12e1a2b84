#include <cstdlib>
#include <string>
#include <vector>

#include "communicator_conformance.h"
#include "trireme/collectives/mpi.h"

// The suite under mpirun: every process is one rank and runs all tests in the same order.
// Usage: mpirun -np N mpi_conformance
namespace trireme::collectives::test {
namespace {

int ranks_of_mpirun() {
  const char* size = std::getenv("OMPI_COMM_WORLD_SIZE");
  return size == nullptr ? 1 : std::atoi(size);
}

World mpi_world() {
  const int ranks = ranks_of_mpirun();
  return {"mpi_" + std::to_string(ranks), ranks, [ranks](const RankBody& body) { body(*make_mpi(ranks)); }};
}

std::vector<World> worlds_of_peers() {
  return ranks_of_mpirun() < 2 ? std::vector<World>{} : std::vector<World>{mpi_world()};
}

INSTANTIATE_TEST_SUITE_P(Mpi, CommunicatorConformance, testing::Values(mpi_world()), name_of);
INSTANTIATE_TEST_SUITE_P(Mpi, PeerConformance, testing::ValuesIn(worlds_of_peers()), name_of);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(PeerConformance);

}  // namespace
}  // namespace trireme::collectives::test

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
