#pragma once

#include <memory>

#include "nccl_api.h"
#include "trireme/base/store.h"
#include "trireme/collectives/nccl.h"

namespace trireme::collectives {

// How many unique ids a world of `ranks` is formed with, and which rank makes id `index`: the first of those that NCCL
// lets connect through it.
[[nodiscard]] int id_count(int ranks, int ranks_per_id);
[[nodiscard]] int id_maker(int index, int ranks, int ids);

// Throws ConfigError when the loaded NCCL is older than, or of another major version than, the one built with.
void check_versions(const NcclVersions& versions);

// make_nccl() over `api`: the store carries the unique ids. Throws TimeoutError that names the ranks that did not come.
[[nodiscard]] std::unique_ptr<Communicator> make_nccl_over(const NcclApiPtr& api, Store& store,
                                                           const NcclOptions& options);

}  // namespace trireme::collectives
