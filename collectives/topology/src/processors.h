#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "trireme/topology/machine.h"

namespace trireme::topology {

struct Processors {
  std::vector<Package> packages{};
  std::vector<Cache> caches{};
};

// From /sys/devices/system/cpu and /proc/cpuinfo.
[[nodiscard]] Processors read_processors(const std::filesystem::path& root);
// From hwloc: of this machine, or of a synthetic description. nullopt when this build has no hwloc or it fails.
[[nodiscard]] std::optional<Processors> ask_hwloc(const std::string& synthetic);

}  // namespace trireme::topology
