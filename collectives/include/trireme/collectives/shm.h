#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "trireme/base/store.h"
#include "trireme/collectives/communicator.h"

namespace trireme::collectives {

// Ranks of one node, as processes or as threads, over shared memory.
//
// Collective. `store` (not owned, must outlive the communicator) bootstraps the segment and tells of lost ranks;
// `name` is unique per communicator within the store. No name is left in /dev/shm: memfds travel by SCM_RIGHTS.
// Throws TimeoutError naming the ranks that did not arrive.
struct ShmOptions {
  int rank = 0;
  int size = 1;
  std::string name = "world";
  Timeout timeout = kDefaultTimeout;  // for forming the group, its subgroups and its arenas
  // The rank by which the store knows this process, for reports of lost peers; -1: the same as `rank`.
  int global_rank = -1;
  // Shared memory through which each rank passes data, a chunk of half of it at a time. Rank 0's value holds; results
  // do not depend on it.
  std::size_t staging_bytes = std::size_t{1} << 20;
};
[[nodiscard]] std::unique_ptr<Communicator> make_shm(Store& store, const ShmOptions& options);

}  // namespace trireme::collectives
