#include "trireme/base/error.h"
#include "trireme/collectives/nccl.h"

// What stands in for the nccl backend in a build without NCCL.
namespace trireme::collectives {

bool has_nccl() noexcept { return false; }

std::unique_ptr<Communicator> make_nccl(Store&, const NcclOptions&) {
  throw ConfigError(
      "the nccl backend was asked for, but this build has none: install the CUDA 13 toolkit with NCCL 2.28, configure "
      "with -DTRIREME_WITH_NCCL=ON and build again, or run on the CPU");
}

}  // namespace trireme::collectives
