#pragma once

#include <memory>

#include "trireme/base/store.h"
#include "trireme/collectives/communicator.h"

namespace trireme::collectives {

// True when this build has MPI.
[[nodiscard]] bool has_mpi() noexcept;

// The world that MPI_Init gives. Initialises MPI unless the program did; finalizes it at exit only if it initialised
// it. `expected_size`: the world the environment promised; MPI giving another size is a ConfigError that explains
// itself (typically a program started without mpirun, or by the mpirun of another MPI). Throws ConfigError saying what
// to install when this build has no MPI.
//
// MPI itself says nothing of lives. `store` (not owned, must outlive the communicator) may: its ranks are those of the
// world, and what waits for a rank it knows to be lost throws PeerLostError naming rank, node and cause.
[[nodiscard]] std::unique_ptr<Communicator> make_mpi(int expected_size, Store* store = nullptr);

}  // namespace trireme::collectives
