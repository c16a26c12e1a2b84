#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace trireme::topology {

enum class NicKind {
  kPhysicalFunction,  // a device of its own, or the function that virtual ones are made of
  kVirtualFunction,   // a slice of a device, given to this system: SR-IOV
  kParavirtual,       // made by the hypervisor in software: hv_netvsc, virtio, vmxnet3, xen
  kSoftware,          // no device: loopback, veth, bridge, bond
};
// "physical function", "virtual function", "paravirtual", "software"
[[nodiscard]] const char* to_string(NicKind kind) noexcept;

enum class NicFamily { kMellanox, kIntel, kMana, kAmazon, kGoogle, kVirtio, kNetvsc, kOther };
// "NVIDIA/Mellanox", "Intel", "MANA", "Amazon", …
[[nodiscard]] const char* to_string(NicFamily family) noexcept;

// A network interface. A plain value.
struct Nic {
  std::string name{};
  NicKind kind = NicKind::kSoftware;
  NicFamily family = NicFamily::kOther;
  std::string model{};        // "ConnectX-5 virtual function"; empty when the device is not in our table
  std::string driver{};       // "mlx5_core", "hv_netvsc"
  std::string pci_address{};  // empty for devices of another bus
  std::string mac{};
  std::optional<int> numa_node{};
  std::optional<int> megabits{};  // link speed; nullopt when the driver does not say
  int mtu = 0;
  bool is_up = false;  // operational state "up", or "unknown" as loopback's
  bool is_wireless = false;
  std::string link_layer{};  // "Ethernet", "InfiniBand", "loopback"
  std::string master{};      // the interface it is part of: a bond, a bridge, or the paravirtual one beside a VF
  std::vector<std::string> lower{};  // the interfaces it is made of
  std::string rdma_device{};         // its name under /sys/class/infiniband; empty: none
  friend bool operator==(const Nic&, const Nic&) = default;
};

// A device for remote memory access: an InfiniBand or RoCE host channel adapter, or an EFA. One port is looked at.
struct RdmaDevice {
  std::string name{};  // "mlx5_0"
  NicKind kind = NicKind::kPhysicalFunction;
  NicFamily family = NicFamily::kOther;
  std::string model{};
  std::string pci_address{};
  std::optional<int> numa_node{};
  std::string link_layer{};  // "InfiniBand", "Ethernet", "Unspecified" (EFA)
  bool is_active = false;    // the port's state is ACTIVE
  int gigabits = 0;          // of the port; 0 when unknown
  std::string netdev{};      // its network interface; empty: none
  // Partition keys of entries 0 and 1; 0 when absent. Bit 15: full member.
  std::uint16_t partition_keys[2] = {0, 0};
  friend bool operator==(const RdmaDevice&, const RdmaDevice&) = default;
};

}  // namespace trireme::topology
