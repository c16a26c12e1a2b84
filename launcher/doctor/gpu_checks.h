#pragma once

#include "doctor/machine_checks.h"

namespace trireme::launcher {

[[nodiscard]] Finding check_topology_file(const topology::Machine& machine);
[[nodiscard]] Finding check_access_control(const topology::Machine& machine);
[[nodiscard]] Finding check_iommu(const topology::Machine& machine);
[[nodiscard]] Finding check_gpu_direct(const topology::Machine& machine);
[[nodiscard]] Finding check_gpu_age(const topology::Machine& machine);
[[nodiscard]] Finding check_gpu_driver(const topology::Machine& machine);

}  // namespace trireme::launcher
