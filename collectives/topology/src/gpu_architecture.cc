#include "trireme/topology/gpu_architecture.h"

#include <algorithm>
#include <array>

namespace trireme::topology {

namespace {

struct IdRange {
  std::uint16_t first = 0;
  std::uint16_t last = 0;
  GpuArchitecture architecture;
};

// NVIDIA numbers its chips in blocks; nouveau and the open kernel modules list them.
constexpr std::array kRanges = {
    IdRange{0x0fc0, 0x12ff, {"Kepler", 30}},     IdRange{0x1340, 0x17ff, {"Maxwell", 50}},
    IdRange{0x1b00, 0x1d7f, {"Pascal", 61}},     IdRange{0x1d80, 0x1dff, {"Volta", 70}},
    IdRange{0x1e00, 0x1fff, {"Turing", 75}},     IdRange{0x2080, 0x20ff, {"Ampere", 80}},
    IdRange{0x2180, 0x21ff, {"Turing", 75}},     IdRange{0x2200, 0x22ff, {"Ampere", 86}},
    IdRange{0x2300, 0x23ff, {"Hopper", 90}},     IdRange{0x2400, 0x25ff, {"Ampere", 86}},
    IdRange{0x2680, 0x28ff, {"Ada", 89}},        IdRange{0x2900, 0x29ff, {"Blackwell", 100}},
    IdRange{0x2b80, 0x2dff, {"Blackwell", 120}},
};

}  // namespace

std::optional<GpuArchitecture> gpu_architecture(std::uint16_t pci_device) noexcept {
  // Pascal's GP100 lies inside Maxwell's block.
  if (pci_device >= 0x15f0 && pci_device <= 0x15ff) return GpuArchitecture{"Pascal", 60};
  const auto* found = std::ranges::find_if(
      kRanges, [&](const IdRange& range) { return pci_device >= range.first && pci_device <= range.last; });
  if (found == kRanges.end()) return std::nullopt;
  return found->architecture;
}

}  // namespace trireme::topology
