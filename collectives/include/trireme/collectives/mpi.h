#pragma once

#include <memory>

#include "trireme/collectives/communicator.h"

namespace trireme::collectives {

// True when this build has MPI.
[[nodiscard]] bool has_mpi() noexcept;

// The world that MPI_Init gives. Initialises MPI unless the program did; finalizes it at exit only if it initialised
// it. `expected_size`: the world the environment promised; MPI giving another size is a ConfigError that explains
// itself (typically a program started without mpirun, or by the mpirun of another MPI). Throws ConfigError saying what
// to install when this build has no MPI.
[[nodiscard]] std::unique_ptr<Communicator> make_mpi(int expected_size);

}  // namespace trireme::collectives
