#pragma once

#include <optional>
#include <string>

#include "trireme/base/rank_environment.h"
#include "trireme/runtime/train_context.h"

namespace trireme {

// What the choice of a rank's device depends on beside the environment.
struct DeviceRequest {
  DeviceWish wish = DeviceWish::kAuto;
  std::string backend = "auto";
  int gpus = 0;                // that this process sees
  bool gpus_are_ours = false;  // CUDA_VISIBLE_DEVICES shows this rank its own
  bool build_has_nccl = false;
};

// Pure. The GPU of this rank; nullopt: it computes on the CPU. Throws ConfigError saying why a GPU that was asked for
// cannot be had.
[[nodiscard]] std::optional<int> choose_gpu(const RankEnvironment& environment, const DeviceRequest& request);

// TRIREME_DEVICE: "auto" (also when unset), "cpu" or "gpu". Throws ConfigError for another word.
[[nodiscard]] DeviceWish device_wish(const EnvironmentLookup& lookup);

}  // namespace trireme
