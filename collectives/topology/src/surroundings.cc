#include "surroundings.h"

#include <algorithm>
#include <array>
#include <sstream>

#include "pseudo_files.h"

namespace trireme::topology {

namespace {

namespace fs = std::filesystem;

// What every virtual machine of Azure carries as its chassis' asset tag.
constexpr const char* kAzureTag = "7783-7084-3265-9085-8269-3286-77";
constexpr const char* kNcclDefaultPlace = "/var/run/nvidia-topologyd/virtualTopology.xml";
constexpr const char* kNcclConf = "etc/nccl.conf";
constexpr const char* kNcclVariable = "NCCL_TOPO_FILE=";

bool has_hypervisor_flag(const fs::path& root) {
  for (const auto& line : read_lines(root / "proc/cpuinfo")) {
    if (line.starts_with("flags")) return line.find(" hypervisor") != std::string::npos;
  }
  return false;
}

bool is_there(const fs::path& file) {
  std::error_code ignored;
  return fs::exists(file, ignored);
}

// "5.12" of "5.12.3-azure" is 5012.
int kernel_number(const std::string& release) {
  const auto dot = release.find('.');
  if (dot == std::string::npos) return 0;
  return static_cast<int>(leading_number(release).value_or(0) * 1000 +
                          leading_number(release.substr(dot + 1)).value_or(0));
}

// The kernel writes addresses of /proc/net/route as they lie in memory: the first byte of the address is the last one.
std::optional<std::uint32_t> route_address(const std::string& text) {
  const auto value = hex_number(text);
  if (!value) return std::nullopt;
  return (*value & 0xffU) << 24U | (*value & 0xff00U) << 8U | (*value & 0xff0000U) >> 8U | *value >> 24U;
}

std::string topology_in_conf(const fs::path& root) {
  for (const auto& line : read_lines(root / kNcclConf)) {
    const auto text = trimmed(line);
    if (text.starts_with(kNcclVariable))
      return std::string(trimmed(text.substr(std::string_view(kNcclVariable).size())));
  }
  return {};
}

// Azure's images for high-performance computing.
std::string topology_of_azure(const fs::path& root) {
  for (const auto& file : list_folder(root / "opt/microsoft")) {
    const auto name = file.filename().string();
    if (name.ends_with("-topo.xml")) return "/opt/microsoft/" + name;
  }
  return {};
}

}  // namespace

const char* to_string(Cloud cloud) noexcept {
  switch (cloud) {
    case Cloud::kAzure:
      return "Azure";
    case Cloud::kAws:
      return "AWS";
    case Cloud::kGoogle:
      return "Google Cloud";
    case Cloud::kNone:
      break;
  }
  return "no cloud";
}

Platform read_platform(const fs::path& root) {
  const auto dmi = root / "sys/class/dmi/id";
  Platform platform{.vendor = read_line(dmi / "sys_vendor"),
                    .product = read_line(dmi / "product_name"),
                    .kernel = read_line(root / "proc/sys/kernel/osrelease"),
                    .is_virtual = has_hypervisor_flag(root)};
  if (read_line(dmi / "chassis_asset_tag") == kAzureTag) platform.cloud = Cloud::kAzure;
  if (platform.vendor == "Amazon EC2") platform.cloud = Cloud::kAws;
  if (platform.vendor == "Google") platform.cloud = Cloud::kGoogle;
  return platform;
}

// "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.95.05  Release Build …"
std::string read_nvidia_driver(const fs::path& root) {
  std::istringstream words(read_line(root / "proc/driver/nvidia/version"));
  for (std::string word; words >> word;) {
    const bool is_version = word.find_first_not_of("0123456789.") == std::string::npos && word.find('.') != word.npos;
    if (is_version) return word;
  }
  return {};
}

GpuDirect read_gpu_direct(const fs::path& root, const std::string& kernel) {
  GpuDirect found;
  // Where NCCL itself looks.
  constexpr std::array<std::pair<const char*, const char*>, 3> kPlaces = {{
      {"sys/module/nvidia_peermem/version", "nvidia_peermem"},
      {"sys/kernel/mm/memory_peers/nv_mem/version", "nv_peer_mem"},
      {"sys/kernel/mm/memory_peers/nv_mem_nc/version", "nv_peer_mem_nc"},
  }};
  for (const auto& [place, module] : kPlaces) {
    if (found.peer_memory.empty() && is_there(root / place)) found.peer_memory = module;
  }
  const auto driver = read_line(root / "proc/driver/nvidia/version");
  constexpr int kFirstKernel = 5012;
  found.dma_buf = kernel_number(kernel) >= kFirstKernel && driver.find("Open Kernel Module") != std::string::npos;
  return found;
}

std::vector<Route> read_routes(const fs::path& root) {
  std::vector<Route> routes;
  for (const auto& line : read_lines(root / "proc/net/route")) {
    std::istringstream words(line);
    std::array<std::string, 8> field;
    for (auto& word : field) words >> word;
    const auto destination = route_address(field[1]);
    const auto mask = route_address(field[7]);
    if (field[0] != "Iface" && destination && mask) routes.push_back({field[0], *destination, *mask});
  }
  return routes;
}

TopologyFile find_nccl_topology(const fs::path& root) {
  if (auto path = topology_in_conf(root); !path.empty()) return {std::move(path), "/etc/nccl.conf", true};
  if (is_there(root / fs::path(kNcclDefaultPlace).relative_path())) {
    return {kNcclDefaultPlace, "NCCL's default place", true};
  }
  if (auto path = topology_of_azure(root); !path.empty()) return {std::move(path), "the image's /opt/microsoft", false};
  return {};
}

}  // namespace trireme::topology
