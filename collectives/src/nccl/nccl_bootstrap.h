#pragma once

#include "nccl_handles.h"
#include "trireme/base/store.h"
#include "trireme/collectives/nccl.h"

namespace trireme::collectives {

// Forms the communicator of all ranks: rank 0's unique id goes through the store. Throws TimeoutError that names the
// ranks that did not come.
[[nodiscard]] NcclComm form_nccl_comm(const NcclApiPtr& api, Store& store, const NcclOptions& options);

// The settings of every communicator: calls return at once and are asked about later, so that none can hang.
[[nodiscard]] ncclConfig_t nccl_config();

// A communicator over `api`, for make_nccl() and for tests.
[[nodiscard]] std::unique_ptr<Communicator> make_nccl_over(NcclApiPtr api, Store& store, const NcclOptions& options);

}  // namespace trireme::collectives
