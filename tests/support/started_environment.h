#pragma once

#include "trireme/base/rank_environment.h"

namespace trireme::test {

constexpr bool kWithMpiLauncher = true;

// Rank 0 of `world` ranks, `local` of them on its node, as torchrun or Open MPI starts it.
[[nodiscard]] inline RankEnvironment started_environment(int world, int local, bool has_mpi_launcher = false) {
  RankEnvironment result;
  result.world_size = world;
  result.local_world_size = local;
  result.node = "node-1";
  result.has_mpi_launcher = has_mpi_launcher;
  result.launched_by = has_mpi_launcher ? LaunchedBy::kOpenMpi : LaunchedBy::kTorchrun;
  return result;
}

}  // namespace trireme::test
