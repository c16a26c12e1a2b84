#include "doctor/network_checks.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace trireme::launcher {

namespace {

using topology::Machine;
using topology::Nic;
using topology::NicKind;
using topology::PciDevice;

constexpr std::uint32_t kNetworkClass = 0x02;
constexpr std::uint16_t kMellanox = 0x15b3;
constexpr std::uint16_t kMicrosoft = 0x1414;
constexpr int kFastMegabits = 10'000;
constexpr int kSmallMtu = 1500;

bool is_network_function(const PciDevice& device) { return device.class_code >> 16U == kNetworkClass; }

bool has_interface(const Machine& machine, const PciDevice& device) {
  return std::ranges::find(machine.nics, device.address, &Nic::pci_address) != machine.nics.end() ||
         std::ranges::find(machine.rdma, device.address, &topology::RdmaDevice::pci_address) != machine.rdma.end();
}

// The functions by which clouds accelerate Ethernet.
bool is_accelerator(const PciDevice& device) {
  return is_network_function(device) && (device.vendor == kMellanox || device.vendor == kMicrosoft);
}

bool is_ethernet_accelerator(const PciDevice& device) {
  constexpr std::uint32_t kEthernetClass = 0x0200;
  return is_accelerator(device) && device.class_code >> 8U == kEthernetClass;
}

std::vector<const Nic*> synthetic_interfaces(const Machine& machine) {
  std::vector<const Nic*> found;
  for (const auto& nic : machine.nics) {
    if (nic.driver == "hv_netvsc") found.push_back(&nic);
  }
  return found;
}

const Nic* function_beside(const Machine& machine, const Nic& synthetic) {
  const auto* carrier = carrier_of(machine, synthetic.name);
  return carrier == &synthetic ? nullptr : carrier;
}

// Bound to a driver that gives devices away to virtual machines or to user space.
bool is_given_away(const std::string& driver) {
  return driver == "vfio-pci" || driver == "uio_pci_generic" || driver == "igb_uio" || driver == "pci-stub" ||
         driver == "xen-pciback";
}

// NCCL and UCX use entry 0 of the table of partition keys.
void note_partition(const Machine& machine, Finding& finding) {
  const auto found = std::ranges::find_if(machine.rdma, [](const auto& device) {
    return device.link_layer == "InfiniBand" && topology::tenant_key_past_entry_0(device) != 0;
  });
  if (found == machine.rdma.end()) return;
  finding.severity = machine.gpus.gpus.empty() ? Severity::kNote : Severity::kWarning;
  finding.found += fmt::format("; the tenant's partition stands at entry 1 of {}, not at 0", found->name);
  finding.cost = "UCX is told so by the launcher; NCCL takes entry 0, where other nodes may not be reached";
  finding.fix =
      "set NCCL_IB_PKEY=1 (an index) if NCCL's connections time out, on every node where the order is this one";
}

const char* driver_of(const PciDevice& device) {
  if (device.vendor == kMicrosoft) return "mana (kernel 5.15 or newer; 6.2 for RDMA)";
  if (device.vendor == kMellanox) return device.device <= 0x1007 ? "mlx4_core and mlx4_en" : "mlx5_core";
  return "the maker's driver";
}

}  // namespace

Finding check_accelerated_networking(const Machine& machine) {
  Finding finding{.id = "accelerated-networking", .title = "accelerated networking"};
  const auto synthetic = synthetic_interfaces(machine);
  std::vector<std::string> slow;
  std::vector<std::string> fast;
  for (const auto* nic : synthetic) {
    const auto* function = function_beside(machine, *nic);
    if (function == nullptr) {
      slow.push_back(nic->name);
    } else {
      fast.push_back(fmt::format("{} through {}", nic->name, function->name));
    }
  }
  const bool has_function = std::ranges::any_of(machine.pci, is_ethernet_accelerator);
  if (synthetic.empty()) {
    const bool is_virtio = std::ranges::any_of(
        machine.nics, [](const Nic& nic) { return nic.kind == NicKind::kParavirtual && nic.is_up; });
    finding.severity = is_virtio ? Severity::kNote : Severity::kOk;
    finding.found = is_virtio ? "the network card is the hypervisor's (paravirtual); it offers no virtual function here"
                              : "no paravirtual interface: traffic goes straight to the network card";
    return finding;
  }
  if (slow.empty()) {
    finding.found = fmt::format("on: {}", fmt::join(fast, ", "));
    return finding;
  }
  const auto devices = choose_devices(machine, {});
  const bool has_other_way = devices.fabric != topology::Fabric::kSockets;
  finding.severity = has_other_way ? Severity::kNote : Severity::kWarning;
  finding.found = fmt::format("off: {} has no virtual function beside it{}", fmt::join(slow, ", "),
                              has_function ? ", though the machine has one (see below)" : "");
  finding.cost =
      has_other_way
          ? fmt::format("little: {} carries the gradients, sockets only the control traffic", to_string(devices.fabric))
          : "every packet passes through the host's software switch: more latency and processor time, less "
            "bandwidth between nodes";
  finding.fix =
      "enable it where the size supports it: az network nic update -g GROUP -n NIC --accelerated-networking true (VM "
      "deallocated); during host servicing the function is away for a minute and comes back by itself";
  return finding;
}

Finding check_virtual_functions(const Machine& machine) {
  Finding finding{.id = "virtual-function", .title = "virtual function"};
  for (const auto& device : machine.pci) {
    if (!is_accelerator(device) || has_interface(machine, device) || device.driver.empty()) continue;
    if (is_given_away(device.driver)) continue;
    finding.severity = Severity::kError;
    finding.found = fmt::format("{} ({:04x}:{:04x}) has its driver {} and no interface", device.address, device.vendor,
                                device.device, device.driver);
    finding.cost = "its bandwidth is not used";
    finding.fix = fmt::format("look for why in: dmesg | grep {}", device.address);
    return finding;
  }
  const auto synthetic = synthetic_interfaces(machine);
  for (const auto& nic : machine.nics) {
    const bool is_ethernet_function = nic.kind == NicKind::kVirtualFunction && nic.link_layer == "Ethernet";
    if (synthetic.empty() || !is_ethernet_function || !nic.master.empty()) continue;
    finding.severity = Severity::kError;
    finding.found = fmt::format("{} is not a part of a synthetic interface", nic.name);
    finding.cost =
        "two interfaces with one hardware address; traffic may take the wrong one and is lost when the host "
        "is serviced";
    finding.fix = fmt::format(
        "keep the network manager off it (it must not be configured on its own): a udev rule with "
        "ENV{{NM_UNMANAGED}}=\"1\" for its driver {}",
        nic.driver);
    return finding;
  }
  std::vector<std::string> names;
  for (const auto& nic : machine.nics) {
    if (nic.kind == NicKind::kVirtualFunction) names.push_back(nic.name);
  }
  for (const auto& device : machine.rdma) {
    const bool is_new = device.netdev.empty() && device.kind == NicKind::kVirtualFunction;
    if (is_new) names.push_back(device.name);
  }
  finding.found = names.empty() ? "none here, and none is missing" : fmt::format("{}", fmt::join(names, ", "));
  return finding;
}

Finding check_network_drivers(const Machine& machine) {
  Finding finding{.id = "network-driver", .title = "network drivers"};
  std::vector<std::string> drivers;
  for (const auto& device : machine.pci) {
    if (!is_network_function(device)) continue;
    const bool is_lost = is_given_away(device.driver);
    if (!device.driver.empty() && !is_lost) {
      if (std::ranges::find(drivers, device.driver) == drivers.end()) drivers.push_back(device.driver);
      continue;
    }
    finding.severity = Severity::kError;
    finding.found = device.driver.empty()
                        ? fmt::format("{} ({:04x}:{:04x}) has no driver", device.address, device.vendor, device.device)
                        : fmt::format("{} ({:04x}:{:04x}) is bound to {}, which gives it away to user space",
                                      device.address, device.vendor, device.device, device.driver);
    finding.cost = "the device is not used; on Azure the portal still says that accelerated networking is enabled";
    finding.fix = is_lost ? fmt::format("echo {0} > /sys/bus/pci/drivers/{1}/unbind, then load {2}", device.address,
                                        device.driver, driver_of(device))
                          : fmt::format("load {}, or take an image that has it", driver_of(device));
    return finding;
  }
  finding.found = drivers.empty() ? "no PCI network function" : fmt::format("{}", fmt::join(drivers, ", "));
  return finding;
}

Finding check_adapter_ports(const Machine& machine) {
  Finding finding{.id = "adapter-port", .title = "InfiniBand ports"};
  std::vector<std::string> down;
  int active = 0;
  for (const auto& device : machine.rdma) {
    if (device.link_layer != "InfiniBand") continue;
    device.is_active ? void(++active) : down.push_back(device.name);
  }
  if (active == 0 && down.empty()) {
    finding.found = "no InfiniBand device";
    return finding;
  }
  if (down.empty()) {
    finding.found = fmt::format("{} active", active);
    note_partition(machine, finding);
    return finding;
  }
  finding.severity = Severity::kError;
  finding.found = fmt::format("{} of {} not active: {}", down.size(), active + static_cast<int>(down.size()),
                              fmt::join(down, ", "));
  finding.cost =
      "a GPU shares another's adapter and slows every collective down to its pace; with none, sockets carry "
      "everything";
  finding.fix = "on a cloud replace the node; on your own fabric look at the cable and the subnet manager (ibstat)";
  return finding;
}

Finding check_mtu(const Machine& machine) {
  Finding finding{.id = "mtu", .title = "MTU"};
  const auto choice = topology::choose_interface(machine, "");
  const auto* nic = machine.find_nic(choice.name);
  if (nic == nullptr) {
    finding.found = "no interface was chosen";
    return finding;
  }
  const auto* carrier = carrier_of(machine, choice.name);
  if (carrier != nic && carrier->mtu != nic->mtu) {
    finding.severity = Severity::kWarning;
    finding.found =
        fmt::format("{} has {}, its virtual function {} has {}", nic->name, nic->mtu, carrier->name, carrier->mtu);
    finding.cost = "large packets are dropped or cut when the traffic changes from one to the other";
    finding.fix = fmt::format("ip link set {} mtu {}", carrier->name, nic->mtu);
    return finding;
  }
  finding.found = fmt::format("{} on {}", nic->mtu, nic->name);
  const bool is_fast = carrier->megabits.value_or(0) >= kFastMegabits;
  if (!is_fast || nic->mtu > kSmallMtu || nic->is_wireless) return finding;
  finding.severity = Severity::kNote;
  finding.cost = "sockets spend more processor time a byte than with large frames";
  finding.fix =
      fmt::format("where every node and the network between them allow it: ip link set {} mtu 9000", nic->name);
  return finding;
}

}  // namespace trireme::launcher
