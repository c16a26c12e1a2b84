#include "trireme/topology/machine.h"

#include <algorithm>
#include <sstream>

#include "nics.h"
#include "pci_devices.h"
#include "processors.h"
#include "pseudo_files.h"
#include "surroundings.h"

namespace trireme::topology {

namespace {

namespace fs = std::filesystem;

std::vector<std::vector<int>> read_distances(const fs::path& root, const std::vector<NumaNode>& nodes) {
  std::vector<std::vector<int>> distances;
  for (const auto& node : nodes) {
    std::istringstream numbers(
        read_line(root / ("sys/devices/system/node/node" + std::to_string(node.index)) / "distance"));
    std::vector<int> row;
    for (int number = 0; numbers >> number;) row.push_back(number);
    if (row.size() != nodes.size()) return {};
    distances.push_back(std::move(row));
  }
  return distances;
}

Processors processors_of(const MachineSource& source) {
  const bool may_ask = source.use_hwloc && (source.root == "/" || !source.hwloc_synthetic.empty());
  auto found = may_ask ? ask_hwloc(source.hwloc_synthetic) : std::nullopt;
  return found ? std::move(*found) : read_processors(source.root);
}

bool is_closer_than_host_bridge(Distance distance) {
  return distance == Distance::kOneBridge || distance == Distance::kBridges;
}

}  // namespace

const PciDevice* Machine::find_pci(std::string_view address) const noexcept {
  const auto found = std::ranges::find(pci, address, &PciDevice::address);
  return found == pci.end() ? nullptr : &*found;
}

const Nic* Machine::find_nic(std::string_view name) const noexcept {
  const auto found = std::ranges::find(nics, name, &Nic::name);
  return found == nics.end() ? nullptr : &*found;
}

Machine inspect_machine(const MachineSource& source) {
  const auto& root = source.root;
  Machine machine{.platform = read_platform(root),
                  .host = inspect_host(root),
                  .pci = read_pci_devices(root),
                  .gpus = inspect_gpus(root),
                  .nvidia_driver = read_nvidia_driver(root),
                  .routes = read_routes(root),
                  .nccl_topology = find_nccl_topology(root)};
  machine.numa_distances = read_distances(root, machine.host.numa_nodes);
  auto processors = processors_of(source);
  machine.packages = std::move(processors.packages);
  machine.caches = std::move(processors.caches);
  machine.gpu_direct = read_gpu_direct(root, machine.platform.kernel);
  machine.nics = read_nics(root, machine.pci);
  machine.rdma = read_rdma_devices(root, machine.pci);
  return machine;
}

bool hides_pci_tree(const Machine& machine) {
  if (!machine.platform.is_virtual || machine.gpus.gpus.empty() || machine.rdma.empty()) return false;
  for (const auto& gpu : machine.gpus.gpus) {
    const auto* gpu_device = machine.find_pci(gpu.pci_address);
    for (const auto& rdma : machine.rdma) {
      const auto* rdma_device = machine.find_pci(rdma.pci_address);
      if (gpu_device == nullptr || rdma_device == nullptr) continue;
      if (is_closer_than_host_bridge(distance_between(*gpu_device, *rdma_device))) return false;
    }
  }
  return true;
}

}  // namespace trireme::topology
