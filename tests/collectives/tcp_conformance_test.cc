#include "conformance_worlds.h"
#include "trireme/collectives/tcp.h"

// The suite on tcp, with ranks as threads and as processes. Network namespaces: in_namespaces.sh.
namespace trireme::collectives::test {
namespace {

std::unique_ptr<Communicator> make_rank(Store& store, int rank, int size) {
  return make_tcp(store, {.rank = rank, .size = size, .timeout = kPatience});
}

INSTANTIATE_TEST_SUITE_P(TcpThreads, CommunicatorConformance, testing::ValuesIn(thread_worlds("tcp", 1, make_rank)),
                         name_of);
INSTANTIATE_TEST_SUITE_P(TcpProcesses, CommunicatorConformance, testing::ValuesIn(process_worlds("tcp", make_rank)),
                         name_of);
INSTANTIATE_TEST_SUITE_P(TcpThreads, PeerConformance, testing::ValuesIn(thread_worlds("tcp", 2, make_rank)), name_of);
INSTANTIATE_TEST_SUITE_P(TcpProcesses, PeerConformance, testing::ValuesIn(process_worlds("tcp", make_rank)), name_of);

}  // namespace
}  // namespace trireme::collectives::test
