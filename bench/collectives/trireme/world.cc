#include "world.h"

#include "trireme/base/error.h"
#include "trireme/collectives/mpi.h"
#include "trireme/collectives/nccl.h"
#include "trireme/collectives/shm.h"
#include "trireme/collectives/single.h"
#include "trireme/collectives/tcp.h"

namespace trireme::bench {
namespace {

void open_store(World& world, const RankEnvironment& environment) {
  if (!environment.master_addr || !environment.master_port) {
    throw ConfigError("MASTER_ADDR and MASTER_PORT are not set: where should rank 0 serve the store?");
  }
  const std::string& host = *environment.master_addr;
  const std::uint16_t port = *environment.master_port;
  if (environment.rank == 0) {
    world.server = std::make_unique<TcpStoreServer>(TcpStoreServer::Options{.host = host, .port = port});
  }
  world.store = std::make_unique<TcpStore>(
      TcpStore::Options{.host = host, .port = port, .rank = environment.rank, .node = environment.node});
}

}  // namespace

World open_world(const std::string& backend, const RankEnvironment& environment) {
  World world;
  if (backend == "single") {
    world.communicator = collectives::make_single();
  } else if (backend == "mpi") {
    world.communicator = collectives::make_mpi(environment.world_size);
  } else if (backend == "shm") {
    open_store(world, environment);
    world.communicator =
        collectives::make_shm(*world.store, {.rank = environment.rank, .size = environment.world_size});
  } else if (backend == "tcp") {
    open_store(world, environment);
    world.communicator =
        collectives::make_tcp(*world.store, {.rank = environment.rank, .size = environment.world_size});
  } else if (backend == "nccl") {
    open_store(world, environment);
    world.communicator = collectives::make_nccl(
        *world.store, {.rank = environment.rank, .size = environment.world_size, .device = environment.local_rank});
  } else {
    throw ConfigError("no backend '" + backend + "'; there are shm, tcp, mpi, nccl, single");
  }
  return world;
}

}  // namespace trireme::bench
