#pragma once

#include <string>

#include "topo/rank_plan.h"

namespace trireme::launcher {

// A picture of the machine: network interfaces on top, a card a NUMA node with its processors (grouped by last cache),
// GPUs and adapters, a line from each GPU to the adapter its rank gets, and the settings below. Self-contained SVG.
[[nodiscard]] std::string machine_svg(const topology::Machine& machine, const RankPlan& plan);

}  // namespace trireme::launcher
