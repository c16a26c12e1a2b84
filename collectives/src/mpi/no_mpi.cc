#include "trireme/base/error.h"
#include "trireme/collectives/mpi.h"

// What stands in for the mpi backend in a build without MPI.
namespace trireme::collectives {

bool has_mpi() noexcept { return false; }

std::unique_ptr<Communicator> make_mpi(int, Store*) {
  throw ConfigError(
      "the mpi backend was asked for, but this build has none: install libopenmpi-dev and openmpi-bin, configure with "
      "-DTRIREME_WITH_MPI=ON and build again, or start the program with torchrun or the launcher");
}

}  // namespace trireme::collectives
