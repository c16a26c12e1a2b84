#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace trireme::topology {

struct GpuArchitecture {
  std::string_view name;       // "Volta"
  int compute_capability = 0;  // 70 is sm_70; of the oldest member where a range of ids holds several
  friend bool operator==(const GpuArchitecture&, const GpuArchitecture&) = default;
};

// What an NVIDIA GPU with this PCI device id is, by ranges of ids; needs no driver. nullopt for ids of no known range.
[[nodiscard]] std::optional<GpuArchitecture> gpu_architecture(std::uint16_t pci_device) noexcept;

// CUDA 13's compiler starts at Turing.
inline constexpr int kOldestComputeCapability = 75;
inline constexpr int kOldestDriver = 580;  // that CUDA 13 runs on

}  // namespace trireme::topology
