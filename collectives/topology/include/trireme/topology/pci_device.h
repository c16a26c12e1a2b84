#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace trireme::topology {

// One function of a PCI device, as the kernel shows it. A plain value.
struct PciDevice {
  std::string address{};  // "0000:3b:00.0"
  std::uint16_t vendor = 0;
  std::uint16_t device = 0;
  std::uint32_t class_code = 0;  // 0x030200: base class, subclass, programming interface
  std::string driver{};          // what is bound to it; empty: nothing
  std::optional<int> numa_node{};
  // The host bridge and the bridges above the device, from the root down: "pci0000:00", "0000:00:01.0". Empty when
  // /sys/devices is hidden.
  std::vector<std::string> path{};
  std::string
      link_speed{};    // negotiated: "16.0 GT/s PCIe"; empty when unknown, as for most devices of virtual machines
  int link_width = 0;  // lanes; 0 when unknown
  std::string physical_function{};  // address, when this is a virtual function whose physical one is visible here
  int virtual_functions = 0;        // made of this physical function
  int most_virtual_functions = 0;   // that could be made of it
  // How the IOMMU treats its memory accesses: "identity" (passed through), "DMA", "DMA-FQ" (translated); empty: none.
  std::string iommu{};
  // A bridge that sends traffic between the devices below it up to the root complex (Access Control Services). nullopt
  // for what is no bridge, and where the configuration space cannot be read (only root may).
  std::optional<bool> redirects_peers{};
  friend bool operator==(const PciDevice&, const PciDevice&) = default;

  [[nodiscard]] bool is_bridge() const noexcept { return class_code >> 8U == 0x0604; }
};

// How far two devices are from each other, nearest first; the names in nvidia-smi and NCCL are in the comments.
enum class Distance {
  kOneBridge,   // PIX: behind one bridge
  kBridges,     // PXB: several bridges, not the host's
  kHostBridge,  // PHB: one host bridge
  kNode,        // NODE: one NUMA node
  kSystem,      // SYS: across NUMA nodes
  kUnknown,     // the kernel does not say where one of them is
};
// "PIX", "PXB", "PHB", "NODE", "SYS", "?"
[[nodiscard]] const char* to_string(Distance distance) noexcept;
// From paths and NUMA nodes alone. Pure.
[[nodiscard]] Distance distance_between(const PciDevice& a, const PciDevice& b) noexcept;

}  // namespace trireme::topology
