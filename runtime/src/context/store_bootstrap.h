#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "trireme/base/rank_environment.h"
#include "trireme/base/store.h"
#include "trireme/collectives/communicator.h"

namespace trireme {

// The store of a run as one rank sees it: a client, and on rank 0 the server where no launcher serves one.
struct RunStore {
  std::unique_ptr<TcpStoreServer> server;
  std::unique_ptr<TcpStore> client;  // destroyed first: a client says goodbye to a live server
};

// How the ranks learn where the store is.
enum class Rendezvous {
  kAlone,       // a world of one, that serves itself
  kGivenStore,  // TRIREME_STORE: the launcher's agent serves it
  kMpi,         // rank 0 serves, MPI tells the others where
  kTorchrun,    // rank 0 serves, torchrun's TCPStore tells the others where
  kMasterPort,  // rank 0 serves at MASTER_PORT
};

// Pure. Throws ConfigError when the environment names no way to meet.
[[nodiscard]] Rendezvous choose_rendezvous(const RankEnvironment& environment, bool build_has_mpi);

struct BootstrapOptions {
  std::chrono::milliseconds timeout{120000};
  EnvironmentLookup lookup = process_environment();
};

// Collective and blocking. `mpi` is used for Rendezvous::kMpi only.
[[nodiscard]] RunStore connect_run_store(const RankEnvironment& environment, Rendezvous rendezvous,
                                         const BootstrapOptions& options, collectives::Communicator* mpi);

// Rank 0 passes its address, the others an empty one; all get rank 0's. Keys are per restart of torchrun's worker
// group, because its store outlives restarts. In a file of its own: it needs LibTorch.
[[nodiscard]] std::string exchange_through_torchrun(const RankEnvironment& environment, const std::string& address,
                                                    const BootstrapOptions& options);

}  // namespace trireme
