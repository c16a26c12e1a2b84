#include "pci_devices.h"

#include <fstream>
#include <iterator>

#include "config_space.h"
#include "pseudo_files.h"

namespace trireme::topology {

namespace {

namespace fs = std::filesystem;

std::optional<int> non_negative(const fs::path& file) {
  const auto value = leading_number(read_line(file));
  if (!value || *value < 0 || *value > 1'000'000) return std::nullopt;
  return static_cast<int>(*value);
}

// The host bridge and the bridges above a device are the folders above its own.
std::vector<std::string> path_above(const fs::path& device) {
  std::error_code error;
  const auto real = fs::canonical(device, error);
  std::vector<std::string> path;
  if (error) return path;
  for (const auto& part : real.parent_path()) {
    const auto name = part.string();
    if (name.starts_with("pci") && name.find(':') != std::string::npos) path = {name};
    if (!path.empty() && is_pci_address(name)) path.push_back(name);
  }
  return path;
}

std::optional<bool> redirects_peers(const fs::path& device) {
  std::ifstream in(device / "config", std::ios::binary);
  std::vector<std::uint8_t> config(4096);
  in.read(reinterpret_cast<char*>(config.data()), static_cast<std::streamsize>(config.size()));
  config.resize(static_cast<std::size_t>(in.gcount()));
  return acs_redirects(config);
}

PciDevice read_device(const fs::path& folder) {
  PciDevice device{.address = folder.filename().string(),
                   .vendor = static_cast<std::uint16_t>(hex_number(read_line(folder / "vendor")).value_or(0)),
                   .device = static_cast<std::uint16_t>(hex_number(read_line(folder / "device")).value_or(0)),
                   .class_code = hex_number(read_line(folder / "class")).value_or(0),
                   .driver = link_name(folder / "driver"),
                   .numa_node = non_negative(folder / "numa_node"),
                   .path = path_above(folder),
                   .link_speed = read_line(folder / "current_link_speed"),
                   .link_width = non_negative(folder / "current_link_width").value_or(0),
                   .physical_function = link_name(folder / "physfn"),
                   .virtual_functions = non_negative(folder / "sriov_numvfs").value_or(0),
                   .most_virtual_functions = non_negative(folder / "sriov_totalvfs").value_or(0),
                   .iommu = read_line(folder / "iommu_group" / "type")};
  // "Unknown" is what the kernel writes for the links of most virtual machines.
  if (device.link_speed.starts_with("Unknown")) device.link_speed.clear();
  if (device.is_bridge()) device.redirects_peers = redirects_peers(folder);
  return device;
}

std::size_t shared_length(const PciDevice& a, const PciDevice& b) {
  std::size_t length = 0;
  while (length < a.path.size() && length < b.path.size() && a.path[length] == b.path[length]) ++length;
  return length;
}

}  // namespace

bool is_pci_address(std::string_view text) {
  const auto dot = text.rfind('.');
  return text.size() >= 12 && dot == text.size() - 2 && text[dot - 3] == ':' &&
         text.find_first_not_of("0123456789abcdef:.") == std::string_view::npos;
}

std::vector<PciDevice> read_pci_devices(const fs::path& root) {
  std::vector<PciDevice> devices;
  for (const auto& folder : list_folder(root / "sys/bus/pci/devices")) devices.push_back(read_device(folder));
  return devices;
}

const char* to_string(Distance distance) noexcept {
  switch (distance) {
    case Distance::kOneBridge:
      return "PIX";
    case Distance::kBridges:
      return "PXB";
    case Distance::kHostBridge:
      return "PHB";
    case Distance::kNode:
      return "NODE";
    case Distance::kSystem:
      return "SYS";
    case Distance::kUnknown:
      break;
  }
  return "?";
}

Distance distance_between(const PciDevice& a, const PciDevice& b) noexcept {
  const auto shared = shared_length(a, b);
  if (shared > 1) {
    // One port on the way down to each, at most: both hang below the same switch.
    const bool is_close = a.path.size() - shared <= 1 && b.path.size() - shared <= 1;
    return is_close ? Distance::kOneBridge : Distance::kBridges;
  }
  if (shared == 1) return Distance::kHostBridge;
  if (!a.numa_node || !b.numa_node) return Distance::kUnknown;
  return *a.numa_node == *b.numa_node ? Distance::kNode : Distance::kSystem;
}

}  // namespace trireme::topology
