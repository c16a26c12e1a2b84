#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace trireme::topology {

// One NVIDIA GPU, put together from what the driver, the device files and the PCI bus say.
struct Gpu {
  std::string pci_address{};          // "0000:3b:00.0"; empty when only a device file shows the GPU
  std::string model{};                // "NVIDIA H200", as the driver says; empty without it
  std::string uuid{};                 // "GPU-…", as the driver says
  std::optional<int> device_minor{};  // N of /dev/nvidiaN, when that file is there
  std::optional<int> numa_node{};
  // The kernel driver has it and its device file is visible here: a process could open it.
  [[nodiscard]] bool is_usable() const noexcept { return device_minor.has_value(); }
  friend bool operator==(const Gpu&, const Gpu&) = default;
};

// A place that was searched, and in words what was found there.
struct SearchedPlace {
  std::string place{};  // "/proc/driver/nvidia/gpus"
  std::string found{};  // "not there: the NVIDIA kernel driver is not loaded"
  friend bool operator==(const SearchedPlace&, const SearchedPlace&) = default;
};

// The GPUs of one machine, and how they were looked for: whoever finds none wants to know where. A plain value.
struct GpuInventory {
  std::vector<Gpu> gpus;                 // by PCI address
  std::vector<SearchedPlace> looked_at;  // always the same places, in the same order
  [[nodiscard]] int usable_gpus() const noexcept;
  friend bool operator==(const GpuInventory&, const GpuInventory&) = default;
};

// Looks at /proc/driver/nvidia/gpus, /dev/nvidiaN and the PCI bus in /sys below `root` (a test's folder; "/" is this
// machine). Opens no device. Never throws for what is missing or torn there.
[[nodiscard]] GpuInventory inspect_gpus(const std::filesystem::path& root = "/");

}  // namespace trireme::topology
