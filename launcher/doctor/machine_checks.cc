#include "doctor/machine_checks.h"

#include "doctor/gpu_checks.h"
#include "doctor/network_checks.h"

namespace trireme::launcher {

std::vector<Finding> examine_machine(const topology::Machine& machine) {
  return {check_accelerated_networking(machine),
          check_virtual_functions(machine),
          check_network_drivers(machine),
          check_adapter_ports(machine),
          check_mtu(machine),
          check_topology_file(machine),
          check_access_control(machine),
          check_iommu(machine),
          check_gpu_direct(machine),
          check_gpu_age(machine),
          check_gpu_driver(machine)};
}

}  // namespace trireme::launcher
