#pragma once

#include <filesystem>
#include <vector>

#include "trireme/topology/nic.h"
#include "trireme/topology/pci_device.h"

namespace trireme::topology {

// Every network interface, by name. `pci` is what read_pci_devices() found.
[[nodiscard]] std::vector<Nic> read_nics(const std::filesystem::path& root, const std::vector<PciDevice>& pci);
// Every device for remote memory access, mlx5_2 before mlx5_10.
[[nodiscard]] std::vector<RdmaDevice> read_rdma_devices(const std::filesystem::path& root,
                                                        const std::vector<PciDevice>& pci);

}  // namespace trireme::topology
