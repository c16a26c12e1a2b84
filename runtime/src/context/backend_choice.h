#pragma once

#include <string>

#include "trireme/base/rank_environment.h"

namespace trireme {

enum class Backend { kSingle, kShm, kMpi };
[[nodiscard]] const char* to_string(Backend backend);

struct BackendChoice {
  Backend backend = Backend::kSingle;
  std::string reason;  // for the log: "all 4 ranks are on one node"
};

// What the choice depends on beside the environment.
struct BackendRequest {
  std::string name = "auto";  // "auto", "single", "shm", "mpi"
  bool build_has_mpi = false;
};

// Pure. Throws ConfigError that names what was asked for, why it cannot be, and the ways on.
[[nodiscard]] BackendChoice choose_backend(const RankEnvironment& environment, const BackendRequest& request);

}  // namespace trireme
