#pragma once

#include <vector>

#include "trireme/topology/settings.h"

namespace trireme::topology {

// The choices that settings follow from. `interface.name` is empty when none may be named.
struct Chosen {
  const Machine& machine;
  InterfaceChoice interface;
  DeviceChoice devices;
  bool spans_nodes = true;
};

void add_cuda_settings(const Chosen& chosen, std::vector<Setting>& settings);
void add_nccl_settings(const Chosen& chosen, std::vector<Setting>& settings);
// Only between nodes:
void add_libfabric_settings(const Chosen& chosen, std::vector<Setting>& settings);
void add_gloo_settings(const Chosen& chosen, std::vector<Setting>& settings);
void add_ucx_settings(const Chosen& chosen, std::vector<Setting>& settings);
void add_open_mpi_settings(const Chosen& chosen, std::vector<Setting>& settings);

// "mlx5_0,mlx5_1"; each name gets `suffix`.
[[nodiscard]] std::string listed(const std::vector<std::string>& names, const std::string& suffix = "");

}  // namespace trireme::topology
