#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace trireme::topology {

struct NumaNode {
  int index = 0;
  std::vector<int> cores;  // logical processors, as the kernel numbers them
  std::int64_t memory_bytes = 0;
  friend bool operator==(const NumaNode&, const NumaNode&) = default;
};

// What one machine offers to ranks. A plain value.
struct HostInventory {
  std::string hostname;
  int cores = 0;                     // logical processors that are online
  std::int64_t memory_bytes = 0;     // of the machine, not what is free
  std::vector<NumaNode> numa_nodes;  // never empty: a kernel without NUMA has one node with everything
  friend bool operator==(const HostInventory&, const HostInventory&) = default;
};

// Reads /proc and /sys below `root` (a test's folder; "/" is this machine). Never throws for what is missing or torn
// there: such a figure stays 0.
[[nodiscard]] HostInventory inspect_host(const std::filesystem::path& root = "/");

}  // namespace trireme::topology
