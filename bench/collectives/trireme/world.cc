#include "world.h"

#include "trireme/base/error.h"
#include "trireme/collectives/auto.h"

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
  collectives::BackendRequest request = collectives::default_request();
  request.name = backend;
  const collectives::BackendChoice choice = collectives::choose_backend(environment, request);
  World world;
  if (choice.needs_store()) open_store(world, environment);
  world.communicator = collectives::make_chosen(choice, environment, world.store.get());
  return world;
}

}  // namespace trireme::bench
