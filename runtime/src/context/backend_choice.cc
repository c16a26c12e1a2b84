#include "context/backend_choice.h"

#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme {
namespace {

bool is_one_node(const RankEnvironment& environment) { return environment.local_world_size == environment.world_size; }

BackendChoice use_single(const RankEnvironment& environment) {
  if (environment.world_size == 1) return {Backend::kSingle, "backend single was asked for"};
  throw ConfigError(
      message("Backend single is a world of one rank, but {} launched {} ranks. Unset TRIREME_BACKEND, or "
              "start one rank.",
              to_string(environment.launched_by), environment.world_size));
}

BackendChoice use_shm(const RankEnvironment& environment) {
  if (is_one_node(environment)) return {Backend::kShm, "backend shm was asked for"};
  throw ConfigError(
      message("Backend shm joins ranks of one node, but only {} of the {} ranks are on node {}. Use backend "
              "mpi between nodes, or start all ranks on one node.",
              environment.local_world_size, environment.world_size, environment.node));
}

void require_mpi_build(const BackendRequest& request, const char* why) {
  if (request.build_has_mpi) return;
  throw ConfigError(
      message("{}, but this build of Trireme has no MPI. Install libopenmpi-dev and openmpi-bin, configure "
              "with -DTRIREME_WITH_MPI=ON and build again.",
              why));
}

BackendChoice use_mpi(const RankEnvironment& environment, const BackendRequest& request) {
  require_mpi_build(request, "Backend mpi was asked for");
  if (environment.has_mpi_launcher || environment.world_size == 1) return {Backend::kMpi, "backend mpi was asked for"};
  throw ConfigError(
      message("Backend mpi needs ranks that mpirun started, but {} launched them. Start the program with "
              "`mpirun -np {} PROGRAM`, or unset TRIREME_BACKEND.",
              to_string(environment.launched_by), environment.world_size));
}

BackendChoice choose_between_nodes(const RankEnvironment& environment, const BackendRequest& request) {
  if (environment.has_mpi_launcher) {
    require_mpi_build(request, "The ranks are on several nodes and were started by an MPI launcher");
    return {Backend::kMpi,
            message("{} ranks are on several nodes, started by an MPI launcher", environment.world_size)};
  }
  throw ConfigError(
      message("{} ranks on several nodes were started by {}, without MPI. This version connects nodes over "
              "MPI only: start the program with mpirun or `launcher run`, or put all ranks on one node.",
              environment.world_size, to_string(environment.launched_by)));
}

}  // namespace

const char* to_string(Backend backend) {
  switch (backend) {
    case Backend::kSingle:
      return "single";
    case Backend::kShm:
      return "shm";
    case Backend::kMpi:
      return "mpi";
  }
  return "unknown";
}

BackendChoice choose_backend(const RankEnvironment& environment, const BackendRequest& request) {
  if (request.name == "single") return use_single(environment);
  if (request.name == "shm") return use_shm(environment);
  if (request.name == "mpi") return use_mpi(environment, request);
  if (request.name != "auto") {
    throw ConfigError(
        message("Backend \"{}\" is not known. Set TRIREME_BACKEND to auto, single, shm or mpi.", request.name));
  }
  if (environment.world_size == 1) return {Backend::kSingle, "the world is one rank"};
  if (is_one_node(environment)) {
    return {Backend::kShm, message("all {} ranks are on one node", environment.world_size)};
  }
  return choose_between_nodes(environment, request);
}

}  // namespace trireme
