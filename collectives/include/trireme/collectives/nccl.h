#pragma once

#include <memory>
#include <string>

#include "trireme/base/store.h"
#include "trireme/collectives/communicator.h"

namespace trireme::collectives {

// True when this build has NCCL.
[[nodiscard]] bool has_nccl() noexcept;

struct NcclOptions {
  int rank = 0;
  int size = 1;
  int device = 0;  // CUDA device index of this process
  std::string name = "world";
  Timeout timeout = kDefaultTimeout;
};
// GPU ranks over NCCL; `store` carries the unique id. Throws ConfigError saying what to install when built without
// NCCL.
[[nodiscard]] std::unique_ptr<Communicator> make_nccl(Store& store, const NcclOptions& options);

}  // namespace trireme::collectives
