#include "doctor/gpu_checks.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "trireme/topology/gpu_architecture.h"

namespace trireme::launcher {

namespace {

using topology::Fabric;
using topology::Machine;
using topology::PciDevice;

bool moves_gpu_memory(Fabric fabric) { return fabric == Fabric::kInfiniBand || fabric == Fabric::kRoce; }

bool has_gpus(const Machine& machine) { return !machine.gpus.gpus.empty(); }

// GPUs and adapters: between these memory is copied without the processor.
std::vector<const PciDevice*> peers_of(const Machine& machine) {
  std::vector<const PciDevice*> peers;
  const auto add = [&](const std::string& address) {
    if (const auto* device = machine.find_pci(address)) peers.push_back(device);
  };
  for (const auto& gpu : machine.gpus.gpus) add(gpu.pci_address);
  for (const auto& device : machine.rdma) add(device.pci_address);
  return peers;
}

std::set<std::string> bridges_above(const std::vector<const PciDevice*>& devices) {
  std::set<std::string> bridges;
  for (const auto* device : devices) bridges.insert(device->path.begin(), device->path.end());
  return bridges;
}

}  // namespace

Finding check_topology_file(const Machine& machine) {
  Finding finding{.id = "nccl-topology", .title = "NCCL topology file"};
  const auto& file = machine.nccl_topology;
  const auto fabric = choose_devices(machine, {}).fabric;
  if (!file.path.empty()) {
    finding.found = fmt::format("{}, from {}", file.path, file.found_in);
    return finding;
  }
  if (!has_gpus(machine) || !hides_pci_tree(machine) || fabric == Fabric::kSockets) {
    finding.found = "not needed: " + std::string(has_gpus(machine) ? "NCCL sees what matters by itself" : "no GPUs");
    return finding;
  }
  if (fabric == Fabric::kEfa) {
    finding.severity = Severity::kNote;
    finding.found = "the machine hides its PCI switches; the aws-ofi-nccl plugin brings its own file";
    return finding;
  }
  finding.severity = Severity::kWarning;
  finding.found = "none, and this virtual machine hides its PCI switches";
  finding.cost =
      "NCCL takes every adapter for far from every GPU: fewer channels, and no GPUDirect unless forced; about "
      "half the bandwidth between nodes was reported (github.com/NVIDIA/nccl/issues/1464)";
  finding.fix =
      "launcher topo --nccl-topo /etc/nccl-topo.xml; echo NCCL_TOPO_FILE=/etc/nccl-topo.xml >> /etc/nccl.conf";
  return finding;
}

Finding check_access_control(const Machine& machine) {
  Finding finding{.id = "acs", .title = "PCI access control"};
  std::vector<std::string> redirecting;
  int unknown = 0;
  for (const auto& address : bridges_above(peers_of(machine))) {
    const auto* bridge = machine.find_pci(address);
    if (bridge == nullptr || !bridge->is_bridge()) continue;
    if (!bridge->redirects_peers) ++unknown;
    if (bridge->redirects_peers.value_or(false)) redirecting.push_back(address);
  }
  if (!has_gpus(machine) || (redirecting.empty() && unknown == 0)) {
    finding.found = has_gpus(machine) ? "no bridge between GPUs and adapters redirects their traffic" : "no GPUs";
    return finding;
  }
  if (redirecting.empty()) {
    finding.severity = Severity::kNote;
    finding.found = fmt::format("{} bridges above GPUs and adapters could not be read", unknown);
    finding.fix = "run as root to see whether they redirect traffic (ACS)";
    return finding;
  }
  finding.severity = Severity::kWarning;
  finding.found = fmt::format("{} bridges redirect traffic between GPUs and adapters to the root complex: {}",
                              redirecting.size(), fmt::join(redirecting, ", "));
  finding.cost =
      "copies between a GPU and its adapter take a detour through the processor: hangs or half the bandwidth "
      "(github.com/NVIDIA/nccl/issues/603, 949)";
  finding.fix = "switch ACS off in the firmware, or for each bridge: setpci -s ADDRESS ECAP_ACS+0x6.w=0000";
  return finding;
}

Finding check_iommu(const Machine& machine) {
  Finding finding{.id = "iommu", .title = "IOMMU"};
  std::vector<std::string> translated;
  for (const auto* device : peers_of(machine)) {
    if (device->iommu.starts_with("DMA")) translated.push_back(device->address);
  }
  if (translated.empty() || !has_gpus(machine)) {
    finding.found = "does not translate accesses of GPUs or adapters";
    return finding;
  }
  finding.severity = Severity::kWarning;
  finding.found = fmt::format("translates the memory accesses of {}", fmt::join(translated, ", "));
  finding.cost = "GPUs and adapters cannot copy straight to each other; every such copy goes through the root complex";
  finding.fix =
      "boot with iommu=pt (pass through), or switch the IOMMU off in the firmware of a machine without guests";
  return finding;
}

Finding check_gpu_direct(const Machine& machine) {
  Finding finding{.id = "gpu-direct", .title = "GPUDirect"};
  const bool is_useful = has_gpus(machine) && moves_gpu_memory(choose_devices(machine, {}).fabric);
  if (machine.gpu_direct.is_there() || !is_useful) {
    const auto& direct = machine.gpu_direct;
    finding.found = !is_useful       ? "not needed: no adapter could use it"
                    : direct.dma_buf ? "dma-buf"
                                     : direct.peer_memory;
    if (is_useful && direct.dma_buf && !direct.peer_memory.empty()) finding.found += " and " + direct.peer_memory;
    return finding;
  }
  finding.severity = Severity::kWarning;
  finding.found = "neither nvidia_peermem nor dma-buf (open kernel module and Linux 5.12) is there";
  finding.cost = "every byte between nodes is copied through host memory, twice";
  finding.fix = "modprobe nvidia_peermem, or install NVIDIA's open kernel modules";
  return finding;
}

Finding check_gpu_age(const Machine& machine) {
  Finding finding{.id = "gpu-age", .title = "GPU generation"};
  std::set<std::string> fine;
  std::set<std::string> old;
  for (const auto& gpu : machine.gpus.gpus) {
    const auto* device = machine.find_pci(gpu.pci_address);
    const auto known = device == nullptr ? std::nullopt : topology::gpu_architecture(device->device);
    if (!known) continue;
    const auto text = fmt::format("{} (sm_{})", known->name, known->compute_capability);
    (known->compute_capability < topology::kOldestComputeCapability ? old : fine).insert(text);
  }
  finding.found =
      fine.empty() ? has_gpus(machine) ? "not in our table" : "no GPUs" : fmt::format("{}", fmt::join(fine, ", "));
  if (old.empty()) return finding;
  finding.severity = Severity::kError;
  finding.found = fmt::format("{}, older than sm_{}", fmt::join(old, ", "), topology::kOldestComputeCapability);
  finding.cost =
      "CUDA 13 cannot build for it: the first kernel fails with \"no kernel image is available\"; train on its "
      "processors meanwhile";
  finding.fix = "take a size with Turing (T4) or newer GPUs, or a build of LibTorch with CUDA 12";
  return finding;
}

Finding check_gpu_driver(const Machine& machine) {
  Finding finding{.id = "gpu-driver", .title = "GPU driver"};
  const auto total = static_cast<int>(machine.gpus.gpus.size());
  const auto usable = machine.gpus.usable_gpus();
  if (total == 0) {
    finding.found = "no GPUs";
    return finding;
  }
  if (usable < total) {
    finding.severity = Severity::kError;
    finding.found = fmt::format("{} of {} GPUs can be used", usable, total);
    for (const auto& place : machine.gpus.looked_at) finding.found += fmt::format("; {}: {}", place.place, place.found);
    finding.cost = "the others stay idle";
    finding.fix = "install NVIDIA's driver (Azure: the NvidiaGpuDriverLinux extension); in a container: --gpus all";
    return finding;
  }
  const auto major = std::atoi(machine.nvidia_driver.c_str());
  finding.found =
      fmt::format("{} drives {} GPU{}", machine.nvidia_driver.empty() ? "an unknown version" : machine.nvidia_driver,
                  total, total == 1 ? "" : "s");
  if (major == 0 || major >= topology::kOldestDriver) return finding;
  finding.severity = Severity::kError;
  finding.cost = "CUDA 13 does not start on it: \"CUDA driver version is insufficient\"";
  finding.fix = fmt::format("install driver {} or newer", topology::kOldestDriver);
  return finding;
}

}  // namespace trireme::launcher
