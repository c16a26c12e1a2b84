#pragma once

#include <memory>
#include <string>

#include "trireme/base/rank_environment.h"
#include "trireme/base/store.h"
#include "trireme/collectives/communicator.h"

namespace trireme::bench {

// The communicator of all ranks, and what must live as long as it does. Destroyed in reverse order.
struct World {
  std::unique_ptr<TcpStoreServer> server{};  // rank 0 only
  std::unique_ptr<TcpStore> store{};
  std::unique_ptr<collectives::Communicator> communicator{};
};

// Collective. `backend` is a name that collectives::choose_backend takes. Where it needs a store, rank 0 serves one at
// MASTER_ADDR and MASTER_PORT. Throws ConfigError for another name.
[[nodiscard]] World open_world(const std::string& backend, const RankEnvironment& environment);

}  // namespace trireme::bench
