#include "conformance_worlds.h"
#include "trireme/collectives/shm.h"
#include "trireme/collectives/single.h"

// The suite on single, and on shm with ranks as threads and as processes.
namespace trireme::collectives::test {
namespace {

World single_world() {
  return {"single", 1, [](const RankBody& body) { body(*make_single()); }};
}

// Staging memory so small that the larger sizes take several chunks.
std::unique_ptr<Communicator> make_rank(Store& store, int rank, int size) {
  return make_shm(store, {.rank = rank, .size = size, .timeout = kPatience, .staging_bytes = 32768});
}

INSTANTIATE_TEST_SUITE_P(Single, CommunicatorConformance, testing::Values(single_world()), name_of);
INSTANTIATE_TEST_SUITE_P(ShmThreads, CommunicatorConformance, testing::ValuesIn(thread_worlds("shm", 1, make_rank)),
                         name_of);
INSTANTIATE_TEST_SUITE_P(ShmProcesses, CommunicatorConformance, testing::ValuesIn(process_worlds("shm", make_rank)),
                         name_of);
INSTANTIATE_TEST_SUITE_P(ShmThreads, PeerConformance, testing::ValuesIn(thread_worlds("shm", 2, make_rank)), name_of);
INSTANTIATE_TEST_SUITE_P(ShmProcesses, PeerConformance, testing::ValuesIn(process_worlds("shm", make_rank)), name_of);

}  // namespace
}  // namespace trireme::collectives::test
