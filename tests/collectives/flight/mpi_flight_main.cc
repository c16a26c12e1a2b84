// Ranks that meet at barriers until one of them is killed, for bare_mpirun.sh.
#include <csignal>
#include <cstdlib>

#include "trireme/collectives/flight_record.h"
#include "trireme/collectives/mpi.h"

int main() {
  const auto world = trireme::collectives::make_mpi(std::atoi(std::getenv("OMPI_COMM_WORLD_SIZE")));
  const trireme::collectives::FlightRecordOnSigterm on_sigterm;
  for (int i = 0; i < 5; ++i) world->barrier();
  if (world->rank() == 1) std::raise(SIGKILL);
  world->barrier();
  return 0;
}
