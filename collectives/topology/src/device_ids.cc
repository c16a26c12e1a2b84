#include "device_ids.h"

#include <algorithm>
#include <array>

namespace trireme::topology {

namespace {

constexpr auto kPf = NicKind::kPhysicalFunction;
constexpr auto kVf = NicKind::kVirtualFunction;
constexpr auto kMellanox = NicFamily::kMellanox;
constexpr auto kIntel = NicFamily::kIntel;

// Ids of the kernel's drivers: mlx4_core, mlx5_core, ixgbevf, iavf, igbvf, mana, ena, efa, gve, virtio_net.
constexpr std::array kFunctions = {
    KnownFunction{0x15b3, 0x1003, kMellanox, kPf, "ConnectX-3"},
    KnownFunction{0x15b3, 0x1007, kMellanox, kPf, "ConnectX-3 Pro"},
    KnownFunction{0x15b3, 0x1004, kMellanox, kVf, "ConnectX-3 virtual function"},
    KnownFunction{0x15b3, 0x1013, kMellanox, kPf, "ConnectX-4"},
    KnownFunction{0x15b3, 0x1014, kMellanox, kVf, "ConnectX-4 virtual function"},
    KnownFunction{0x15b3, 0x1015, kMellanox, kPf, "ConnectX-4 Lx"},
    KnownFunction{0x15b3, 0x1016, kMellanox, kVf, "ConnectX-4 Lx virtual function"},
    KnownFunction{0x15b3, 0x1017, kMellanox, kPf, "ConnectX-5"},
    KnownFunction{0x15b3, 0x1018, kMellanox, kVf, "ConnectX-5 virtual function"},
    KnownFunction{0x15b3, 0x1019, kMellanox, kPf, "ConnectX-5 Ex"},
    KnownFunction{0x15b3, 0x101a, kMellanox, kVf, "ConnectX-5 Ex virtual function"},
    KnownFunction{0x15b3, 0x101b, kMellanox, kPf, "ConnectX-6"},
    KnownFunction{0x15b3, 0x101c, kMellanox, kVf, "ConnectX-6 virtual function"},
    KnownFunction{0x15b3, 0x101d, kMellanox, kPf, "ConnectX-6 Dx"},
    // One id for the virtual functions of every generation from ConnectX-6 Dx on.
    KnownFunction{0x15b3, 0x101e, kMellanox, kVf, "mlx5 virtual function"},
    KnownFunction{0x15b3, 0x101f, kMellanox, kPf, "ConnectX-6 Lx"},
    KnownFunction{0x15b3, 0x1021, kMellanox, kPf, "ConnectX-7"},
    KnownFunction{0x15b3, 0x1023, kMellanox, kPf, "ConnectX-8"},
    KnownFunction{0x15b3, 0xa2d2, kMellanox, kPf, "BlueField"},
    KnownFunction{0x15b3, 0xa2d3, kMellanox, kVf, "BlueField virtual function"},
    KnownFunction{0x15b3, 0xa2d6, kMellanox, kPf, "BlueField-2"},
    KnownFunction{0x15b3, 0xa2dc, kMellanox, kPf, "BlueField-3"},
    KnownFunction{0x8086, 0x10ca, kIntel, kVf, "82576 virtual function"},
    KnownFunction{0x8086, 0x1520, kIntel, kVf, "I350 virtual function"},
    KnownFunction{0x8086, 0x10ed, kIntel, kVf, "82599 virtual function"},
    KnownFunction{0x8086, 0x1515, kIntel, kVf, "X540 virtual function"},
    KnownFunction{0x8086, 0x1565, kIntel, kVf, "X550 virtual function"},
    KnownFunction{0x8086, 0x15a8, kIntel, kVf, "X553 virtual function"},
    KnownFunction{0x8086, 0x154c, kIntel, kVf, "700 series virtual function"},
    KnownFunction{0x8086, 0x1571, kIntel, kVf, "700 series virtual function"},
    KnownFunction{0x8086, 0x1889, kIntel, kVf, "adaptive virtual function"},
    KnownFunction{0x1414, 0x00ba, NicFamily::kMana, kVf, "Microsoft Azure Network Adapter"},
    KnownFunction{0x1d0f, 0x0ec2, NicFamily::kAmazon, kPf, "Elastic Network Adapter"},
    KnownFunction{0x1d0f, 0x1ec2, NicFamily::kAmazon, kPf, "Elastic Network Adapter"},
    KnownFunction{0x1d0f, 0xec20, NicFamily::kAmazon, kVf, "Elastic Network Adapter"},
    KnownFunction{0x1d0f, 0xec21, NicFamily::kAmazon, kVf, "Elastic Network Adapter"},
    KnownFunction{0x1d0f, 0xefa0, NicFamily::kAmazon, kVf, "Elastic Fabric Adapter"},
    KnownFunction{0x1d0f, 0xefa1, NicFamily::kAmazon, kVf, "Elastic Fabric Adapter"},
    KnownFunction{0x1d0f, 0xefa2, NicFamily::kAmazon, kVf, "Elastic Fabric Adapter"},
    KnownFunction{0x1d0f, 0xefa3, NicFamily::kAmazon, kVf, "Elastic Fabric Adapter"},
    KnownFunction{0x1d0f, 0xefa4, NicFamily::kAmazon, kVf, "Elastic Fabric Adapter"},
    KnownFunction{0x1ae0, 0x0042, NicFamily::kGoogle, NicKind::kParavirtual, "Google Virtual NIC"},
    KnownFunction{0x1af4, 0x1000, NicFamily::kVirtio, NicKind::kParavirtual, "virtio network device"},
    KnownFunction{0x1af4, 0x1041, NicFamily::kVirtio, NicKind::kParavirtual, "virtio network device"},
};

}  // namespace

std::optional<KnownFunction> known_function(std::uint16_t vendor, std::uint16_t device) noexcept {
  const auto* found = std::ranges::find_if(
      kFunctions, [&](const KnownFunction& known) { return known.vendor == vendor && known.device == device; });
  if (found == kFunctions.end()) return std::nullopt;
  return *found;
}

NicFamily family_of_vendor(std::uint16_t vendor) noexcept {
  const auto* found = std::ranges::find(kFunctions, vendor, &KnownFunction::vendor);
  return found == kFunctions.end() ? NicFamily::kOther : found->family;
}

}  // namespace trireme::topology
