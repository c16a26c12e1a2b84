#pragma once

#include <filesystem>
#include <string>

namespace trireme::launcher {

struct GpuInventory {
  int gpus = 0;
  std::string looked_at;  // "/proc/driver/nvidia/gpus (absent), /dev/nvidia0 (absent)"
};

// NVIDIA GPUs that processes of this machine can open. `root` is "/" but in tests.
[[nodiscard]] GpuInventory count_gpus(const std::filesystem::path& root = "/");

}  // namespace trireme::launcher
