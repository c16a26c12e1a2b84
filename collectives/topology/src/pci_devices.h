#pragma once

#include <filesystem>
#include <vector>

#include "trireme/topology/pci_device.h"

namespace trireme::topology {

// Every function on the PCI bus, by address.
[[nodiscard]] std::vector<PciDevice> read_pci_devices(const std::filesystem::path& root);
// "0000:3b:00.0"
[[nodiscard]] bool is_pci_address(std::string_view text);

}  // namespace trireme::topology
