#pragma once

#include <string>
#include <vector>

#include "trireme/topology/machine.h"

namespace trireme::launcher {

// A device worth showing, in a few words. Exactly one of the pointers is set; they point into the machine.
struct ShownDevice {
  std::size_t gpu_index = 0;
  const topology::Gpu* gpu = nullptr;
  const topology::RdmaDevice* rdma = nullptr;
  const topology::Nic* nic = nullptr;
};

// A bridge that two or more devices share, or one device. Chains of bridges with one thing below are left out.
struct TreeNode {
  std::string bridge;  // "pci0000:10", "0000:42:00.0"; empty for a device and for the root
  ShownDevice device;
  std::vector<TreeNode> children;
};

// GPUs, devices for remote memory access and network interfaces of one NUMA node (nullopt: of none that is known), hung
// below the bridges they share. A virtual function beside a paravirtual interface is not among them, nor what is
// software: they are shown with their masters. Pure.
[[nodiscard]] TreeNode device_tree(const topology::Machine& machine, std::optional<int> numa_node);
// Parts of an interface that are devices: the virtual function beside it.
[[nodiscard]] std::vector<const topology::Nic*> parts_of(const topology::Machine& machine, const topology::Nic& nic);

// "0-23,48-71"
[[nodiscard]] std::string core_list(const std::vector<int>& cores);
// "900 GiB"
[[nodiscard]] std::string gibibytes(std::int64_t bytes);
// "50 Gbit/s", "100 Mbit/s", or empty.
[[nodiscard]] std::string link_rate(std::optional<int> megabits);
// "A100-SXM4-40GB": without the maker's name; the architecture where the driver does not name the model.
[[nodiscard]] std::string gpu_name(const topology::Machine& machine, const topology::Gpu& gpu);
// "sm_80", or empty when the id is not known.
[[nodiscard]] std::string gpu_capability(const topology::Machine& machine, const topology::Gpu& gpu);

}  // namespace trireme::launcher
