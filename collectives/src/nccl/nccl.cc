#include "trireme/collectives/nccl.h"

#include "nccl_group.h"

// What a build with NCCL has of it.
namespace trireme::collectives {

bool has_nccl() noexcept { return true; }

std::unique_ptr<Communicator> make_nccl(Store& store, const NcclOptions& options) {
  return make_nccl_over(real_nccl_api(), store, options);
}

}  // namespace trireme::collectives
