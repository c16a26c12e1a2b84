#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "trireme/base/rank_environment.h"
#include "trireme/base/store.h"
#include "trireme/collectives/communicator.h"

// Which backend a world gets, and the communicator of that world.
namespace trireme::collectives {

enum class Backend : std::uint8_t { kSingle, kShm, kTcp, kMpi, kHierarchical, kNccl };
[[nodiscard]] const char* to_string(Backend backend) noexcept;

struct BackendChoice {
  Backend backend = Backend::kSingle;
  Backend between_nodes = Backend::kTcp;  // of kHierarchical: kTcp or kMpi
  std::string reason{};                   // for the log: "all 4 ranks are on one node"

  // The world comes from MPI_Init.
  [[nodiscard]] bool uses_mpi() const noexcept;
  // Ranks meet at a store.
  [[nodiscard]] bool needs_store() const noexcept;
};

// What the choice depends on beside the environment.
struct BackendRequest {
  std::string name = "auto";  // or "single", "shm", "tcp", "mpi", "hierarchical", "nccl"
  bool build_has_mpi = false;
  bool build_has_nccl = false;
  bool is_for_gpus = false;  // buffers lie in GPU memory
};

// The same on all ranks. Pure. Throws ConfigError that names what was asked for, why it cannot be, and the ways on.
[[nodiscard]] BackendChoice choose_backend(const RankEnvironment& environment, const BackendRequest& request);
// The request that this build and the environment make: TRIREME_BACKEND, else "auto".
[[nodiscard]] BackendRequest default_request(const EnvironmentLookup& lookup = process_environment());

struct AutoOptions {
  Timeout timeout = kDefaultTimeout;  // for forming the groups
  // Ranks of each node that talk to other nodes; see HierarchicalOptions.
  int leaders = 1;
  int gpu = 0;  // of nccl: this process's CUDA device
};
// Collective, blocking. Makes what `choice` says for the world of `environment`; a hierarchical one of nodes with one
// rank each is the communicator between the nodes alone. `store` (not owned, must outlive the communicator) may be null
// where the choice needs none; over MPI it tells of lost ranks.
[[nodiscard]] std::unique_ptr<Communicator> make_chosen(const BackendChoice& choice, const RankEnvironment& environment,
                                                        Store* store, const AutoOptions& options = {});

}  // namespace trireme::collectives
