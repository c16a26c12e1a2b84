#include "context/store_bootstrap.h"

#include <charconv>

#include "context/own_address.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme {
namespace {

struct Address {
  std::string host;
  std::uint16_t port = 0;
};

Address parse_address(const std::string& text) {
  const auto colon = text.rfind(':');
  Address address{text.substr(0, colon), 0};
  const char* first = colon == std::string::npos ? text.data() : text.data() + colon + 1;
  const char* last = text.data() + text.size();
  const auto [end, error] = std::from_chars(first, last, address.port);
  if (colon == std::string::npos || error != std::errc{} || end != last) {
    throw ConfigError(message("The store's address \"{}\" is not HOST:PORT; check TRIREME_STORE.", text));
  }
  return address;
}

std::string to_text(const Address& address) { return message("{}:{}", address.host, address.port); }

std::unique_ptr<TcpStore> connect(const RankEnvironment& environment, const Address& address,
                                  const BootstrapOptions& options) {
  TcpStore::Options client;
  client.host = address.host;
  client.port = address.port;
  client.connect_timeout = options.timeout;
  client.rank = environment.rank;
  client.node = environment.node;
  return std::make_unique<TcpStore>(client);
}

// Where rank 0 listens: on loopback only where all ranks are on its node.
std::string host_of_store(const RankEnvironment& environment) {
  if (environment.local_world_size == environment.world_size) return "127.0.0.1";
  return own_address(environment.master_addr.value_or(""));
}

std::unique_ptr<TcpStoreServer> serve(const std::string& host, std::uint16_t port) {
  TcpStoreServer::Options options;
  options.host = host;
  options.port = port;
  return std::make_unique<TcpStoreServer>(options);
}

// `exchange` gives rank 0's text to every rank.
template <typename Exchange>
RunStore serve_and_tell(const RankEnvironment& environment, const BootstrapOptions& options, Exchange exchange) {
  RunStore store;
  std::string mine;
  if (environment.rank == 0) {
    const auto host = host_of_store(environment);
    store.server = serve(host, 0);
    mine = to_text({host, store.server->port()});
  }
  store.client = connect(environment, parse_address(exchange(mine)), options);
  return store;
}

RunStore meet_at_master_port(const RankEnvironment& environment, const BootstrapOptions& options) {
  RunStore store;
  const bool is_one_node = environment.local_world_size == environment.world_size;
  const auto host = is_one_node ? "127.0.0.1" : environment.master_addr.value_or("127.0.0.1");
  if (environment.rank == 0)
    store.server = serve(is_one_node ? host : host_of_store(environment), *environment.master_port);
  store.client = connect(environment, {host, *environment.master_port}, options);
  return store;
}

}  // namespace

Rendezvous choose_rendezvous(const RankEnvironment& environment, bool build_has_mpi) {
  if (environment.store) return Rendezvous::kGivenStore;
  if (environment.world_size == 1) return Rendezvous::kAlone;
  if (environment.has_mpi_launcher && build_has_mpi) return Rendezvous::kMpi;
  if (environment.master_is_torch_store && environment.master_addr && environment.master_port)
    return Rendezvous::kTorchrun;
  if (environment.master_port) return Rendezvous::kMasterPort;
  throw ConfigError(
      message("{} launched {} ranks, but nothing says where they meet. Set MASTER_ADDR and MASTER_PORT (a "
              "free port on rank 0's host) for all ranks, or use mpirun, torchrun or `launcher run`.",
              to_string(environment.launched_by), environment.world_size));
}

RunStore connect_run_store(const RankEnvironment& environment, Rendezvous rendezvous, const BootstrapOptions& options,
                           collectives::Communicator* mpi) {
  switch (rendezvous) {
    case Rendezvous::kAlone:
      return serve_and_tell(environment, options, [](const std::string& mine) { return mine; });
    case Rendezvous::kGivenStore: {
      RunStore store;
      store.client = connect(environment, parse_address(*environment.store), options);
      return store;
    }
    case Rendezvous::kMpi:
      return serve_and_tell(environment, options,
                            [&](const std::string& mine) { return mpi->broadcast_bytes(mine, 0); });
    case Rendezvous::kTorchrun:
      return serve_and_tell(environment, options, [&](const std::string& mine) {
        return exchange_through_torchrun(environment, mine, options);
      });
    case Rendezvous::kMasterPort:
      return meet_at_master_port(environment, options);
  }
  throw InvariantError("unknown rendezvous");
}

}  // namespace trireme
