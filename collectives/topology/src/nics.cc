#include "nics.h"

#include <algorithm>

#include "device_ids.h"
#include "pci_devices.h"
#include "pseudo_files.h"

namespace trireme::topology {

namespace {

namespace fs = std::filesystem;

constexpr int kEthernet = 1;  // ARPHRD_*, the kernel's hardware types
constexpr int kInfiniBand = 32;
constexpr int kLoopback = 772;

std::string link_layer_of(const fs::path& folder) {
  switch (leading_number(read_line(folder / "type")).value_or(-1)) {
    case kEthernet:
      return "Ethernet";
    case kInfiniBand:
      return "InfiniBand";
    case kLoopback:
      return "loopback";
    default:
      return "";
  }
}

std::optional<int> positive(const fs::path& file) {
  const auto value = leading_number(read_line(file));
  if (!value || *value <= 0 || *value > 100'000'000) return std::nullopt;
  return static_cast<int>(*value);
}

std::optional<int> numa_node_of(const fs::path& device) {
  const auto value = leading_number(read_line(device / "numa_node"));
  if (!value || *value < 0) return std::nullopt;
  return static_cast<int>(*value);
}

// A virtio device lies one folder below its PCI function.
std::string pci_address_of(const fs::path& device) {
  std::error_code error;
  const auto real = fs::canonical(device, error);
  if (error) return {};
  for (const auto& folder : {real, real.parent_path()}) {
    if (is_pci_address(folder.filename().string())) return folder.filename().string();
  }
  return {};
}

const PciDevice* find(const std::vector<PciDevice>& pci, const std::string& address) {
  const auto found = std::ranges::find(pci, address, &PciDevice::address);
  return found == pci.end() ? nullptr : &*found;
}

struct Function {
  NicKind kind = NicKind::kPhysicalFunction;
  NicFamily family = NicFamily::kOther;
  std::string model{};
};

Function function_of(const PciDevice& device) {
  Function function{.family = family_of_vendor(device.vendor)};
  if (const auto known = known_function(device.vendor, device.device)) {
    function = {known->kind, known->family, std::string(known->model)};
  }
  if (!device.physical_function.empty()) function.kind = NicKind::kVirtualFunction;
  return function;
}

Function function_of_driver(const std::string& driver) {
  if (driver == "hv_netvsc") return {NicKind::kParavirtual, NicFamily::kNetvsc, "Hyper-V synthetic interface"};
  if (driver == "virtio_net") return {NicKind::kParavirtual, NicFamily::kVirtio, "virtio network device"};
  const bool is_paravirtual = driver == "vmxnet3" || driver == "vif" || driver == "xen_netfront";
  return {is_paravirtual ? NicKind::kParavirtual : NicKind::kPhysicalFunction};
}

void read_links(const fs::path& folder, Nic& nic) {
  constexpr std::string_view kLower = "lower_";
  nic.master = link_name(folder / "master");
  for (const auto& entry : list_folder(folder)) {
    const auto name = entry.filename().string();
    if (name.starts_with(kLower)) nic.lower.push_back(name.substr(kLower.size()));
  }
}

void read_device(const fs::path& device, const std::vector<PciDevice>& pci, Nic& nic) {
  nic.driver = link_name(device / "driver");
  nic.pci_address = pci_address_of(device);
  nic.numa_node = numa_node_of(device);
  auto function = function_of_driver(nic.driver);
  if (const auto* known = find(pci, nic.pci_address)) {
    if (function.kind == NicKind::kPhysicalFunction) function = function_of(*known);
    if (!nic.numa_node) nic.numa_node = known->numa_node;
  }
  nic.kind = function.kind;
  nic.family = function.family;
  nic.model = function.model;
  const auto rdma = list_folder(device / "infiniband");
  if (!rdma.empty()) nic.rdma_device = rdma.front().filename().string();
}

Nic read_nic(const fs::path& folder, const std::vector<PciDevice>& pci) {
  std::error_code ignored;
  Nic nic{.name = folder.filename().string(),
          .mac = read_line(folder / "address"),
          .megabits = positive(folder / "speed"),
          .mtu = positive(folder / "mtu").value_or(0),
          .is_wireless = fs::exists(folder / "wireless", ignored) || fs::exists(folder / "phy80211", ignored),
          .link_layer = link_layer_of(folder)};
  const auto state = read_line(folder / "operstate");
  nic.is_up = state == "up" || state == "unknown";
  read_links(folder, nic);
  if (fs::exists(folder / "device", ignored)) read_device(folder / "device", pci, nic);
  return nic;
}

// "4: ACTIVE"
bool is_active(const fs::path& port) { return read_line(port / "state").find("ACTIVE") != std::string::npos; }

std::uint16_t partition_key(const fs::path& port, const char* entry) {
  return static_cast<std::uint16_t>(hex_number(read_line(port / "pkeys" / entry)).value_or(0));
}

RdmaDevice read_rdma_device(const fs::path& folder, const std::vector<PciDevice>& pci) {
  const auto port = folder / "ports/1";
  RdmaDevice rdma{.name = folder.filename().string(),
                  .pci_address = pci_address_of(folder / "device"),
                  .numa_node = numa_node_of(folder / "device"),
                  .link_layer = read_line(port / "link_layer"),
                  .is_active = is_active(port),
                  .gigabits = positive(port / "rate").value_or(0),
                  .partition_keys = {partition_key(port, "0"), partition_key(port, "1")}};
  if (const auto* device = find(pci, rdma.pci_address)) {
    const auto function = function_of(*device);
    rdma.kind = function.kind;
    rdma.family = function.family;
    rdma.model = function.model;
  }
  const auto netdevs = list_folder(folder / "device/net");
  if (!netdevs.empty()) rdma.netdev = netdevs.front().filename().string();
  return rdma;
}

// Text before digits before what follows them: mlx5_2 lies before mlx5_10.
bool in_natural_order(const std::string& a, const std::string& b) {
  const auto stem = [](const std::string& name) { return name.find_last_not_of("0123456789") + 1; };
  const auto number = [&](const std::string& name) { return leading_number(name.substr(stem(name))).value_or(-1); };
  const auto a_stem = a.substr(0, stem(a));
  const auto b_stem = b.substr(0, stem(b));
  return a_stem != b_stem ? a_stem < b_stem : number(a) < number(b);
}

}  // namespace

const char* to_string(NicKind kind) noexcept {
  switch (kind) {
    case NicKind::kPhysicalFunction:
      return "physical function";
    case NicKind::kVirtualFunction:
      return "virtual function";
    case NicKind::kParavirtual:
      return "paravirtual";
    case NicKind::kSoftware:
      break;
  }
  return "software";
}

const char* to_string(NicFamily family) noexcept {
  switch (family) {
    case NicFamily::kMellanox:
      return "NVIDIA/Mellanox";
    case NicFamily::kIntel:
      return "Intel";
    case NicFamily::kMana:
      return "MANA";
    case NicFamily::kAmazon:
      return "Amazon";
    case NicFamily::kGoogle:
      return "Google";
    case NicFamily::kVirtio:
      return "virtio";
    case NicFamily::kNetvsc:
      return "Hyper-V";
    case NicFamily::kOther:
      break;
  }
  return "other";
}

std::vector<Nic> read_nics(const fs::path& root, const std::vector<PciDevice>& pci) {
  std::vector<Nic> nics;
  for (const auto& folder : list_folder(root / "sys/class/net")) {
    std::error_code ignored;
    if (fs::is_directory(folder, ignored)) nics.push_back(read_nic(folder, pci));  // bonding_masters is a file
  }
  return nics;
}

std::vector<RdmaDevice> read_rdma_devices(const fs::path& root, const std::vector<PciDevice>& pci) {
  std::vector<RdmaDevice> devices;
  for (const auto& folder : list_folder(root / "sys/class/infiniband")) {
    devices.push_back(read_rdma_device(folder, pci));
  }
  std::ranges::sort(devices, in_natural_order, &RdmaDevice::name);
  return devices;
}

}  // namespace trireme::topology
