#include "trireme/base/error.h"
#include "trireme/base/message.h"
#include "trireme/collectives/auto.h"
#include "trireme/collectives/mpi.h"
#include "trireme/collectives/nccl.h"

namespace trireme::collectives {
namespace {

bool is_one_node(const RankEnvironment& environment) { return environment.local_world_size == environment.world_size; }

BackendChoice use_single(const RankEnvironment& environment) {
  if (environment.world_size == 1) return {.backend = Backend::kSingle, .reason = "backend single was asked for"};
  throw ConfigError(
      message("Backend single is a world of one rank, but {} launched {} ranks. Unset TRIREME_BACKEND, or "
              "start one rank.",
              to_string(environment.launched_by), environment.world_size));
}

BackendChoice use_shm(const RankEnvironment& environment) {
  if (is_one_node(environment)) return {.backend = Backend::kShm, .reason = "backend shm was asked for"};
  throw ConfigError(message(
      "Backend shm joins ranks of one node, but only {} of the {} ranks are on node {}. Use backend hierarchical, "
      "tcp or mpi between nodes, or start all ranks on one node.",
      environment.local_world_size, environment.world_size, environment.node));
}

void require_mpi_build(const BackendRequest& request, const char* why) {
  if (request.build_has_mpi) return;
  throw ConfigError(
      message("{}, but this build of Trireme has no MPI. Install libopenmpi-dev and openmpi-bin, configure "
              "with -DTRIREME_WITH_MPI=ON and build again; or use backend tcp.",
              why));
}

BackendChoice use_mpi(const RankEnvironment& environment, const BackendRequest& request) {
  require_mpi_build(request, "Backend mpi was asked for");
  if (environment.has_mpi_launcher || environment.world_size == 1) {
    return {.backend = Backend::kMpi, .reason = "backend mpi was asked for"};
  }
  throw ConfigError(
      message("Backend mpi needs ranks that mpirun started, but {} launched them. Start the program with "
              "`mpirun -np {} PROGRAM`, or unset TRIREME_BACKEND.",
              to_string(environment.launched_by), environment.world_size));
}

BackendChoice use_nccl(const RankEnvironment& environment, const BackendRequest& request, const char* why) {
  if (request.build_has_nccl) {
    return {.backend = Backend::kNccl, .reason = message("{}, {} ranks", why, environment.world_size)};
  }
  throw ConfigError(
      message("{}, but this build of Trireme has no NCCL. Install the CUDA toolkit with NCCL, configure with "
              "-DTRIREME_WITH_CUDA=ON -DTRIREME_WITH_NCCL=ON and build again.",
              why));
}

// MPI knows the machine's fast network; without it there is always TCP.
BackendChoice join_nodes(const RankEnvironment& environment, const BackendRequest& request) {
  const bool has_mpi = environment.has_mpi_launcher && request.build_has_mpi;
  const auto reason = message("{} ranks are on several nodes, {}", environment.world_size,
                              has_mpi ? "started by an MPI launcher" : "and MPI did not start them");
  return {Backend::kHierarchical, has_mpi ? Backend::kMpi : Backend::kTcp, reason};
}

BackendChoice choose(const RankEnvironment& environment, const BackendRequest& request) {
  if (request.is_for_gpus) return use_nccl(environment, request, "Buffers lie in GPU memory");
  if (environment.world_size == 1) return {.backend = Backend::kSingle, .reason = "the world is one rank"};
  if (!is_one_node(environment)) return join_nodes(environment, request);
  return {.backend = Backend::kShm, .reason = message("all {} ranks are on one node", environment.world_size)};
}

}  // namespace

const char* to_string(Backend backend) noexcept {
  switch (backend) {
    case Backend::kSingle:
      return "single";
    case Backend::kShm:
      return "shm";
    case Backend::kTcp:
      return "tcp";
    case Backend::kMpi:
      return "mpi";
    case Backend::kHierarchical:
      return "hierarchical";
    case Backend::kNccl:
      return "nccl";
  }
  return "unknown";
}

bool BackendChoice::uses_mpi() const noexcept {
  return backend == Backend::kMpi || (backend == Backend::kHierarchical && between_nodes == Backend::kMpi);
}

bool BackendChoice::needs_store() const noexcept { return backend != Backend::kSingle && backend != Backend::kMpi; }

BackendRequest default_request(const EnvironmentLookup& lookup) {
  const auto variable = lookup("TRIREME_BACKEND");
  return {.name = variable && !variable->empty() ? *variable : "auto",
          .build_has_mpi = has_mpi(),
          .build_has_nccl = has_nccl()};
}

BackendChoice choose_backend(const RankEnvironment& environment, const BackendRequest& request) {
  if (request.name == "auto") return choose(environment, request);
  if (request.name == "single") return use_single(environment);
  if (request.name == "shm") return use_shm(environment);
  if (request.name == "tcp") return {.backend = Backend::kTcp, .reason = "backend tcp was asked for"};
  if (request.name == "mpi") return use_mpi(environment, request);
  if (request.name == "hierarchical") return join_nodes(environment, request);
  if (request.name == "nccl") return use_nccl(environment, request, "Backend nccl was asked for");
  throw ConfigError(
      message("Backend \"{}\" is not known. Set TRIREME_BACKEND to auto, single, shm, tcp, mpi, hierarchical or nccl.",
              request.name));
}

}  // namespace trireme::collectives
