#pragma once

#include <filesystem>
#include <vector>

#include "trireme/topology/machine.h"

// What lies around the devices: the platform, NVIDIA's kernel driver, routes, files that the image's maker left.
namespace trireme::topology {

[[nodiscard]] Platform read_platform(const std::filesystem::path& root);
[[nodiscard]] std::string read_nvidia_driver(const std::filesystem::path& root);
[[nodiscard]] GpuDirect read_gpu_direct(const std::filesystem::path& root, const std::string& kernel);
[[nodiscard]] std::vector<Route> read_routes(const std::filesystem::path& root);
[[nodiscard]] TopologyFile find_nccl_topology(const std::filesystem::path& root);

}  // namespace trireme::topology
