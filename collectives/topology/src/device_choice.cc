#include <algorithm>

#include "trireme/base/message.h"
#include "trireme/topology/choices.h"

namespace trireme::topology {

namespace {

bool is_efa(const RdmaDevice& device) {
  return device.family == NicFamily::kAmazon && device.model == "Elastic Fabric Adapter";
}

Fabric fabric_of(const RdmaDevice& device) {
  if (is_efa(device)) return Fabric::kEfa;
  return device.link_layer == "InfiniBand" ? Fabric::kInfiniBand : Fabric::kRoce;
}

// The device is the virtual function beside a paravirtual interface: it carries that one's Ethernet traffic.
bool is_beside_paravirtual(const Machine& machine, const RdmaDevice& device) {
  const auto* nic = machine.find_nic(device.netdev);
  if (nic == nullptr || nic->master.empty()) return false;
  const auto* master = machine.find_nic(nic->master);
  return master != nullptr && master->kind == NicKind::kParavirtual;
}

std::vector<const RdmaDevice*> usable_devices(const Machine& machine) {
  std::vector<const RdmaDevice*> usable;
  for (const auto& device : machine.rdma) {
    if (objection_to(machine, device).empty()) usable.push_back(&device);
  }
  // InfiniBand is built for this; Ethernet cards beside it serve storage and management.
  const bool has_infiniband =
      std::ranges::any_of(usable, [](const auto* device) { return fabric_of(*device) == Fabric::kInfiniBand; });
  if (has_infiniband) {
    std::erase_if(usable, [](const auto* device) { return fabric_of(*device) != Fabric::kInfiniBand; });
  }
  return usable;
}

Distance distance_of(const Machine& machine, const Gpu& gpu, const RdmaDevice& device) {
  const auto* a = machine.find_pci(gpu.pci_address);
  const auto* b = machine.find_pci(device.pci_address);
  return a == nullptr || b == nullptr ? Distance::kUnknown : distance_between(*a, *b);
}

struct Nearest {
  Distance distance = Distance::kUnknown;
  std::vector<const RdmaDevice*> devices{};
};

Nearest nearest_to(const Machine& machine, const Gpu& gpu, const std::vector<const RdmaDevice*>& devices) {
  Nearest nearest;
  for (const auto* device : devices) {
    const auto distance = distance_of(machine, gpu, *device);
    if (distance < nearest.distance) nearest = {distance, {}};
    if (distance == nearest.distance) nearest.devices.push_back(device);
  }
  return nearest;
}

// How many GPUs before this one see the same devices as the nearest: they take them in turn.
std::size_t turn_of(const Machine& machine, std::size_t gpu, const Nearest& nearest,
                    const std::vector<const RdmaDevice*>& devices) {
  std::size_t turn = 0;
  for (std::size_t before = 0; before < gpu; ++before) {
    if (nearest_to(machine, machine.gpus.gpus[before], devices).devices == nearest.devices) ++turn;
  }
  return turn;
}

const char* in_words(Distance distance) {
  switch (distance) {
    case Distance::kOneBridge:
      return "behind one PCI switch (PIX) with";
    case Distance::kBridges:
      return "behind the same PCI switches (PXB) as";
    case Distance::kHostBridge:
      return "on the same PCI host bridge (PHB) as";
    case Distance::kNode:
      return "on the same NUMA node (NODE) as";
    case Distance::kSystem:
      return "on another NUMA node (SYS) than";
    case Distance::kUnknown:
      break;
  }
  return "at a distance the kernel does not tell from";
}

void choose_by_gpu(const Machine& machine, std::size_t gpu, const std::vector<const RdmaDevice*>& devices,
                   DeviceChoice& choice) {
  const auto& inventory = machine.gpus.gpus;
  const auto nearest = nearest_to(machine, inventory[gpu], devices);
  const auto turn = turn_of(machine, gpu, nearest, devices);
  const auto* device = nearest.devices[turn % nearest.devices.size()];
  choice.distance = nearest.distance;
  choice.nearest = {device->name};
  choice.reason =
      message("{} is {} GPU {} ({})", device->name, in_words(nearest.distance), gpu, inventory[gpu].pci_address);
  if (nearest.devices.size() > 1)
    choice.reason += message(", one of {} that are; GPUs take them in turn", nearest.devices.size());
}

void choose_by_rank(const RankOnNode& rank, const std::vector<const RdmaDevice*>& devices, DeviceChoice& choice) {
  const auto size = static_cast<std::size_t>(std::max(1, rank.local_size));
  const auto own = static_cast<std::size_t>(std::max(0, rank.local_rank)) % size;
  const auto* device = devices[std::max(devices.size(), size) == size ? own * devices.size() / size : own];
  choice.nearest = {device->name};
  choice.reason = devices.size() == 1 ? message("{} is the only one", device->name)
                                      : message("no GPUs; {} ranks share {} devices in order", size, devices.size());
}

std::string no_device_reason(const Machine& machine) {
  if (machine.rdma.empty()) return "no device for remote memory access";
  std::string reasons;
  for (const auto& device : machine.rdma) {
    reasons += (reasons.empty() ? "" : "; ") + device.name + ": " + objection_to(machine, device);
  }
  return reasons;
}

}  // namespace

const char* to_string(Fabric fabric) noexcept {
  switch (fabric) {
    case Fabric::kInfiniBand:
      return "InfiniBand";
    case Fabric::kRoce:
      return "RoCE";
    case Fabric::kEfa:
      return "EFA";
    case Fabric::kSockets:
      break;
  }
  return "sockets";
}

std::string objection_to(const Machine& machine, const RdmaDevice& device) {
  if (!device.is_active) return "its port is not active";
  if (fabric_of(device) != Fabric::kRoce) return {};
  if (device.family == NicFamily::kMana) return "MANA carries Ethernet traffic; libraries here do not use its RDMA";
  if (machine.platform.cloud == Cloud::kAzure || is_beside_paravirtual(machine, device)) {
    return "an Ethernet virtual function of accelerated networking, and Azure carries no RDMA over Ethernet";
  }
  return {};
}

DeviceChoice choose_devices(const Machine& machine, const RankOnNode& rank) {
  DeviceChoice choice;
  const auto gpus = machine.gpus.gpus.size();
  if (gpus > 0) choice.gpu = static_cast<int>(static_cast<std::size_t>(std::max(0, rank.local_rank)) % gpus);
  const auto devices = usable_devices(machine);
  if (devices.empty()) {
    choice.reason = no_device_reason(machine);
    return choice;
  }
  choice.fabric = fabric_of(*devices.front());
  for (const auto* device : devices) choice.all.push_back(device->name);
  if (choice.gpu) {
    choose_by_gpu(machine, static_cast<std::size_t>(*choice.gpu), devices, choice);
  } else {
    choose_by_rank(rank, devices, choice);
  }
  return choice;
}

}  // namespace trireme::topology
