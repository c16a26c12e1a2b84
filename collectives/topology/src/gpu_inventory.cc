#include "trireme/topology/gpu_inventory.h"

#include <algorithm>
#include <map>

#include "pseudo_files.h"
#include "trireme/base/message.h"

namespace trireme::topology {

namespace {

namespace fs = std::filesystem;

constexpr const char* kDriverFolder = "proc/driver/nvidia/gpus";
constexpr const char* kDeviceFolder = "dev";
constexpr const char* kPciFolder = "sys/bus/pci/devices";
constexpr std::string_view kNvidiaVendor = "0x10de";

// The value of "Name: \t value" in the driver's information file.
std::string field_of(const std::vector<std::string>& lines, std::string_view name) {
  for (const auto& line : lines) {
    if (!line.starts_with(name) || line.size() <= name.size() || line[name.size()] != ':') continue;
    return std::string(trimmed(std::string_view(line).substr(name.size() + 1)));
  }
  return {};
}

std::optional<int> to_int(std::string_view text) {
  const auto value = leading_number(text);
  if (!value || *value < 0 || *value > 1'000'000) return std::nullopt;
  return static_cast<int>(*value);
}

// What the kernel driver lists. device_minor is what it would be called, whether or not that file is there.
std::vector<Gpu> driver_gpus(const fs::path& root) {
  std::vector<Gpu> gpus;
  for (const auto& folder : list_folder(root / kDriverFolder)) {
    const auto lines = read_lines(folder / "information");
    gpus.push_back({.pci_address = folder.filename().string(),
                    .model = field_of(lines, "Model"),
                    .uuid = field_of(lines, "GPU UUID"),
                    .device_minor = to_int(field_of(lines, "Device Minor"))});
  }
  return gpus;
}

// The N of every /dev/nvidiaN; not nvidiactl, nvidia-uvm and the like.
std::vector<int> device_minors(const fs::path& root) {
  constexpr std::string_view kPrefix = "nvidia";
  std::vector<int> minors;
  for (const auto& file : list_folder(root / kDeviceFolder)) {
    const auto name = file.filename().string();
    if (!name.starts_with(kPrefix)) continue;
    const auto digits = std::string_view(name).substr(kPrefix.size());
    if (digits.empty() || digits.find_first_not_of("0123456789") != std::string_view::npos) continue;
    if (const auto minor = to_int(digits)) minors.push_back(*minor);
  }
  std::ranges::sort(minors);
  return minors;
}

// PCI class 0x0300 is a VGA controller, 0x0302 a 3D controller: what GPUs call themselves with and without a monitor.
bool is_nvidia_gpu(const fs::path& device) {
  const auto kind = read_line(device / "class");
  return read_line(device / "vendor") == kNvidiaVendor && (kind.starts_with("0x0300") || kind.starts_with("0x0302"));
}

std::vector<std::string> pci_gpus(const std::vector<fs::path>& devices) {
  std::vector<std::string> addresses;
  for (const auto& device : devices) {
    if (is_nvidia_gpu(device)) addresses.push_back(device.filename().string());
  }
  return addresses;
}

// Where the driver's folder is hidden, as some containers do, device files are given to the GPUs in order.
void assign_in_order(const std::vector<int>& minors, std::vector<Gpu>& gpus) {
  if (gpus.size() < minors.size()) gpus.resize(minors.size());
  for (std::size_t i = 0; i < minors.size(); ++i) gpus[i].device_minor = minors[i];
}

std::vector<Gpu> merge(const std::vector<Gpu>& from_driver, const std::vector<int>& minors,
                       const std::vector<std::string>& from_pci) {
  std::map<std::string, Gpu> by_address;
  for (const auto& gpu : from_driver) by_address.emplace(gpu.pci_address, gpu);
  for (const auto& address : from_pci) by_address.try_emplace(address, Gpu{.pci_address = address});
  std::vector<Gpu> gpus;
  for (auto& [address, gpu] : by_address) gpus.push_back(std::move(gpu));
  for (auto& gpu : gpus) {
    const bool is_visible = gpu.device_minor && std::ranges::binary_search(minors, *gpu.device_minor);
    if (!is_visible) gpu.device_minor.reset();
  }
  if (from_driver.empty()) assign_in_order(minors, gpus);
  return gpus;
}

void read_numa_nodes(const fs::path& root, std::vector<Gpu>& gpus) {
  for (auto& gpu : gpus) {
    if (!gpu.pci_address.empty()) gpu.numa_node = to_int(read_line(root / kPciFolder / gpu.pci_address / "numa_node"));
  }
}

template <typename Items, typename ToText>
std::string joined(const Items& items, const ToText& to_text) {
  std::string text;
  for (const auto& item : items) text += (text.empty() ? "" : ", ") + to_text(item);
  return text;
}

SearchedPlace describe_driver(const fs::path& root, const std::vector<Gpu>& gpus) {
  const std::string place = std::string("/") + kDriverFolder;
  std::error_code ignored;
  if (!fs::exists(root / kDriverFolder, ignored)) return {place, "not there: the NVIDIA kernel driver is not loaded"};
  if (gpus.empty()) return {place, "empty: the NVIDIA kernel driver is loaded but drives no GPU"};
  const auto name = [](const Gpu& gpu) {
    return gpu.pci_address + " " + (gpu.model.empty() ? "(no model)" : gpu.model);
  };
  return {place, joined(gpus, name)};
}

SearchedPlace describe_devices(const std::vector<int>& minors) {
  if (minors.empty()) return {"/dev/nvidia[0-9]*", "no such device file"};
  return {"/dev/nvidia[0-9]*", joined(minors, [](int minor) { return "nvidia" + std::to_string(minor); })};
}

SearchedPlace describe_pci(std::size_t devices, const std::vector<std::string>& gpus) {
  const std::string place = std::string("/") + kPciFolder;
  if (devices == 0) return {place, "no PCI device at all"};
  if (gpus.empty()) return {place, message("{} devices, no display or 3D controller of NVIDIA (vendor 10de)", devices)};
  return {place, joined(gpus, [](const std::string& address) { return address; })};
}

}  // namespace

int GpuInventory::usable_gpus() const noexcept {
  return static_cast<int>(std::ranges::count_if(gpus, [](const Gpu& gpu) { return gpu.is_usable(); }));
}

GpuInventory inspect_gpus(const fs::path& root) {
  const auto from_driver = driver_gpus(root);
  const auto minors = device_minors(root);
  const auto pci_devices = list_folder(root / kPciFolder);
  const auto from_pci = pci_gpus(pci_devices);
  GpuInventory inventory{.gpus = merge(from_driver, minors, from_pci),
                         .looked_at = {describe_driver(root, from_driver), describe_devices(minors),
                                       describe_pci(pci_devices.size(), from_pci)}};
  read_numa_nodes(root, inventory.gpus);
  return inventory;
}

}  // namespace trireme::topology
