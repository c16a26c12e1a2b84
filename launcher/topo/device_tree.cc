#include "topo/device_tree.h"

#include <algorithm>

#include <fmt/format.h>

#include "trireme/topology/gpu_architecture.h"

namespace trireme::launcher {

namespace {

struct PlacedDevice {
  std::vector<std::string> path;
  ShownDevice device;
};

std::vector<std::string> path_of(const topology::Machine& machine, const std::string& address) {
  const auto* device = machine.find_pci(address);
  return device == nullptr ? std::vector<std::string>() : device->path;
}

bool is_shown(const topology::Machine& machine, const topology::Nic& nic) {
  if (nic.kind == topology::NicKind::kSoftware) return !parts_of(machine, nic).empty();
  // An interface of an adapter for remote memory access is named beside the adapter.
  if (nic.link_layer == "InfiniBand" && !nic.rdma_device.empty()) return false;
  return nic.master.empty();
}

// The virtual function of accelerated networking shows as one; it is drawn as what it is, below its master.
bool is_shown(const topology::Machine& machine, const topology::RdmaDevice& device) {
  const auto* nic = machine.find_nic(device.netdev);
  return nic == nullptr || nic->master.empty();
}

std::vector<PlacedDevice> devices_of(const topology::Machine& machine, std::optional<int> node) {
  std::vector<PlacedDevice> found;
  for (std::size_t index = 0; index < machine.gpus.gpus.size(); ++index) {
    const auto& gpu = machine.gpus.gpus[index];
    if (gpu.numa_node == node) {
      found.push_back({path_of(machine, gpu.pci_address), {.gpu_index = index, .gpu = &gpu}});
    }
  }
  for (const auto& device : machine.rdma) {
    if (device.numa_node != node || !is_shown(machine, device)) continue;
    found.push_back({path_of(machine, device.pci_address), {.rdma = &device}});
  }
  for (const auto& nic : machine.nics) {
    if (nic.numa_node != node || !is_shown(machine, nic)) continue;
    found.push_back({path_of(machine, nic.pci_address), {.nic = &nic}});
  }
  return found;
}

void insert(TreeNode& root, const PlacedDevice& placed) {
  auto* node = &root;
  for (const auto& bridge : placed.path) {
    auto child = std::ranges::find(node->children, bridge, &TreeNode::bridge);
    if (child == node->children.end()) child = node->children.insert(child, {.bridge = bridge});
    node = &*child;
  }
  node->children.push_back({.device = placed.device});
}

void collapse(TreeNode& node) {
  for (auto& child : node.children) collapse(child);
  for (auto& child : node.children) {
    if (child.children.size() == 1) child = TreeNode(child.children.front());
  }
}

}  // namespace

TreeNode device_tree(const topology::Machine& machine, std::optional<int> numa_node) {
  TreeNode root;
  for (const auto& placed : devices_of(machine, numa_node)) insert(root, placed);
  collapse(root);
  return root;
}

std::vector<const topology::Nic*> parts_of(const topology::Machine& machine, const topology::Nic& nic) {
  std::vector<const topology::Nic*> parts;
  for (const auto& name : nic.lower) {
    const auto* part = machine.find_nic(name);
    if (part != nullptr && part->kind != topology::NicKind::kSoftware) parts.push_back(part);
  }
  return parts;
}

std::string core_list(const std::vector<int>& cores) {
  std::string text;
  for (std::size_t first = 0; first < cores.size();) {
    std::size_t last = first;
    while (last + 1 < cores.size() && cores[last + 1] == cores[last] + 1) ++last;
    text += text.empty() ? "" : ",";
    text += first == last ? std::to_string(cores[first]) : fmt::format("{}-{}", cores[first], cores[last]);
    first = last + 1;
  }
  return text;
}

std::string gibibytes(std::int64_t bytes) {
  constexpr double kGibibyte = 1024.0 * 1024.0 * 1024.0;
  const auto value = static_cast<double>(bytes) / kGibibyte;
  return value < 10 ? fmt::format("{:.1f} GiB", value) : fmt::format("{:.0f} GiB", value);
}

std::string link_rate(std::optional<int> megabits) {
  if (!megabits) return {};
  return *megabits >= 1000 ? fmt::format("{:g} Gbit/s", *megabits / 1000.0) : fmt::format("{} Mbit/s", *megabits);
}

std::string gpu_name(const topology::Machine& machine, const topology::Gpu& gpu) {
  constexpr std::string_view kMaker = "NVIDIA ";
  if (gpu.model.starts_with(kMaker)) return gpu.model.substr(kMaker.size());
  if (!gpu.model.empty()) return gpu.model;
  const auto* device = machine.find_pci(gpu.pci_address);
  const auto known = device == nullptr ? std::nullopt : topology::gpu_architecture(device->device);
  return known ? fmt::format("{} GPU", known->name) : "NVIDIA GPU";
}

std::string gpu_capability(const topology::Machine& machine, const topology::Gpu& gpu) {
  const auto* device = machine.find_pci(gpu.pci_address);
  const auto known = device == nullptr ? std::nullopt : topology::gpu_architecture(device->device);
  return known ? fmt::format("sm_{}", known->compute_capability) : "";
}

}  // namespace trireme::launcher
