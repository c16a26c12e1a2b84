#pragma once

#include "doctor/machine_checks.h"

namespace trireme::launcher {

[[nodiscard]] Finding check_accelerated_networking(const topology::Machine& machine);
[[nodiscard]] Finding check_virtual_functions(const topology::Machine& machine);
[[nodiscard]] Finding check_network_drivers(const topology::Machine& machine);
[[nodiscard]] Finding check_adapter_ports(const topology::Machine& machine);
[[nodiscard]] Finding check_mtu(const topology::Machine& machine);

}  // namespace trireme::launcher
