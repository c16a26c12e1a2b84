#pragma once

#include <nlohmann/json.hpp>

#include "topo/rank_plan.h"

namespace trireme::launcher {

// For scripts; docs/scripting.md lists the keys.
[[nodiscard]] nlohmann::json machine_json(const topology::Machine& machine, const RankPlan& plan);

}  // namespace trireme::launcher
