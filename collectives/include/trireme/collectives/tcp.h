#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "trireme/base/store.h"
#include "trireme/collectives/communicator.h"

namespace trireme::collectives {

// Ranks on any nodes, as processes or as threads, over TCP (IPv4) connections between all pairs.
//
// Collective. `store` (not owned, must outlive the communicator) tells the ranks of each other's addresses and of lost
// ranks; `name` is unique per communicator within the store. Nothing listens once the group is formed, and its keys are
// removed. Throws TimeoutError naming the ranks that did not arrive, PeerLostError when one died meanwhile, ConfigError
// when there is no address or port to listen on.
//
// After a failure a new communicator can be made over the survivors in the same processes, under another name.
struct TcpOptions {
  int rank = 0;
  int size = 1;
  std::string name = "world";
  Timeout timeout = kDefaultTimeout;  // for forming the group and its subgroups
  // The rank by which the store knows this process, for reports of lost peers; -1: the same as `rank`.
  int global_rank = -1;
  // Where this rank listens and is reached: an address or name of this machine, or else a network interface ("eth0").
  // Both empty: the address from which this machine reaches the store; 127.0.0.1 for a store within the process.
  std::string host{};
  std::string interface {};
  // Ports to listen on, of which the first free one is taken; 0: any that the system gives.
  std::uint16_t first_port = 0;
  std::uint16_t last_port = 0;
  // For each pair, over which large messages are striped. Small messages and control have one each besides. All ranks
  // give the same. More than one pays where a single flow does not fill the link; on links that it fills, they stand in
  // each other's way.
  int connections = 1;
};
[[nodiscard]] std::unique_ptr<Communicator> make_tcp(Store& store, const TcpOptions& options);

}  // namespace trireme::collectives
