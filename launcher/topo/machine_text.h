#pragma once

#include <string>

#include "topo/rank_plan.h"

namespace trireme::launcher {

// The machine as a tree, the distances between GPUs and adapters, what each rank gets, and the settings with reasons.
[[nodiscard]] std::string machine_text(const topology::Machine& machine, const RankPlan& plan);

// One line: where it runs and what it is. "gpu07 · NVIDIA DGXA100 · bare metal · Linux 5.15.0"
[[nodiscard]] std::string machine_title(const topology::Machine& machine);
// "nvidia_peermem, dma-buf", or "none".
[[nodiscard]] std::string gpu_direct_text(const topology::GpuDirect& direct);

}  // namespace trireme::launcher
