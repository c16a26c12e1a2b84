#include "trireme/topology/host_inventory.h"

#include <algorithm>

#include "pseudo_files.h"

namespace trireme::topology {

namespace {

namespace fs = std::filesystem;

// "MemTotal:       32594 kB", and the same after "Node 0 " in a NUMA node's file.
std::int64_t memory_total(const fs::path& meminfo) {
  for (const auto& line : read_lines(meminfo)) {
    const auto found = line.find("MemTotal:");
    if (found != std::string::npos) return leading_number(line.substr(found + 9)).value_or(0) * 1024;
  }
  return 0;
}

int count_processors(const fs::path& cpuinfo) {
  const auto lines = read_lines(cpuinfo);
  return static_cast<int>(std::ranges::count_if(lines, [](const auto& line) { return line.starts_with("processor"); }));
}

std::vector<int> online_cores(const fs::path& root) {
  auto cores = parse_core_list(read_line(root / "sys/devices/system/cpu/online"));
  if (!cores.empty()) return cores;
  for (int core = 0; core < count_processors(root / "proc/cpuinfo"); ++core) cores.push_back(core);
  return cores;
}

std::vector<NumaNode> numa_nodes(const fs::path& root) {
  std::vector<NumaNode> nodes;
  for (const auto& folder : list_folder(root / "sys/devices/system/node")) {
    const auto name = folder.filename().string();
    if (!name.starts_with("node")) continue;
    const auto index = leading_number(name.substr(4));
    if (!index) continue;
    nodes.push_back({.index = static_cast<int>(*index),
                     .cores = parse_core_list(read_line(folder / "cpulist")),
                     .memory_bytes = memory_total(folder / "meminfo")});
  }
  std::ranges::sort(nodes, {}, &NumaNode::index);
  return nodes;
}

}  // namespace

HostInventory inspect_host(const fs::path& root) {
  const auto cores = online_cores(root);
  HostInventory host{.hostname = read_line(root / "proc/sys/kernel/hostname"),
                     .cores = static_cast<int>(cores.size()),
                     .memory_bytes = memory_total(root / "proc/meminfo"),
                     .numa_nodes = numa_nodes(root)};
  if (host.numa_nodes.empty()) {
    host.numa_nodes.push_back({.index = 0, .cores = cores, .memory_bytes = host.memory_bytes});
  }
  return host;
}

}  // namespace trireme::topology
