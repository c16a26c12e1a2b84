#pragma once

#include <string>

namespace trireme::launcher {

struct ShimOptions {
  std::string run_id;
  int rank = 0;
  std::string agent_socket;
};

// The life of one rank's shim: asks the agent what to run, runs it, sends its lines and its exit cause, and returns the
// exit code (128 + signal).
//
// After a bad end it stays until the agent says that the survivors have reported, ten seconds at most: mpirun kills the
// survivors as soon as one of its processes ends badly, and they could not say anything then. Holding the shim back
// holds mpirun back.
// The program runs in a process group of its own and dies with the shim; the shim passes SIGTERM and SIGINT on to it.
// When the agent's connection ends, nobody supervises the rank any more and it is killed.
// Throws ConfigError when the agent cannot be reached.
[[nodiscard]] int run_shim(const ShimOptions& options);

}  // namespace trireme::launcher
