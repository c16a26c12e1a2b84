#include "providers/local/gpu_inventory.h"

#include "trireme/base/message.h"

namespace trireme::launcher {

GpuInventory count_gpus(const std::filesystem::path& root) {
  GpuInventory inventory;
  std::error_code error;
  const std::filesystem::path driver = root / "proc/driver/nvidia/gpus";
  const std::filesystem::path first = root / "dev/nvidia0";
  while (std::filesystem::exists(root / message("dev/nvidia{}", inventory.gpus), error)) ++inventory.gpus;
  inventory.looked_at = message("/proc/driver/nvidia/gpus ({}), /dev/nvidia0 ({})",
                                std::filesystem::exists(driver, error) ? "there" : "absent",
                                std::filesystem::exists(first, error) ? "there" : "absent");
  return inventory;
}

}  // namespace trireme::launcher
