#pragma once

#include <string>
#include <vector>

#include "frame.h"
#include "trireme/base/store.h"
#include "trireme/base/unique_fd.h"
#include "trireme/collectives/tcp.h"

namespace trireme::collectives {

// The connections of one rank to all others, by rank; empty for itself.
struct Mesh {
  std::vector<std::string> hosts;  // where each rank listens
  std::vector<int> global_ranks;
  std::vector<UniqueFd> controls;
  std::vector<RecordReader> control_readers;  // what peers may have sent after they were ready
  std::vector<std::vector<UniqueFd>> data;    // the first is for small messages
};

// Where ranks of `options` listen: see TcpOptions. Throws ConfigError when there is no such interface.
[[nodiscard]] std::string choose_host(const Store& store, const TcpOptions& options);

// Collective and blocking. Each rank connects to those below it and takes connections from those above. Whoever
// connects without the group's token is hung up on and disturbs nobody. Throws as make_tcp.
[[nodiscard]] Mesh form_mesh(Store& store, const TcpOptions& options);

}  // namespace trireme::collectives
