#pragma once

#include <vector>

#include "doctor/finding.h"
#include "trireme/topology/settings.h"

namespace trireme::launcher {

// What can be told from the machine alone: virtual functions and their drivers, topology file, access control and IOMMU
// in the path between GPUs and adapters, MTU, ports, GPUs. Always the same checks in the same order. Pure.
[[nodiscard]] std::vector<Finding> examine_machine(const topology::Machine& machine);

}  // namespace trireme::launcher
