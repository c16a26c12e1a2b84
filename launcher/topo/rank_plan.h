#pragma once

#include <string>
#include <vector>

#include "trireme/topology/settings.h"

namespace trireme::launcher {

// What the ranks of one machine would get. A plain value.
struct RankPlan {
  topology::InterfaceChoice interface;
  std::vector<topology::DeviceChoice> devices;           // by local rank
  std::vector<std::vector<topology::Setting>> settings;  // by local rank
  [[nodiscard]] int ranks() const noexcept { return static_cast<int>(devices.size()); }
};

// `ranks` 0: one for every GPU that is usable or, without any, one. `peer`: as RankOnNode's. Pure.
[[nodiscard]] RankPlan plan_ranks(const topology::Machine& machine, int ranks, const std::string& peer);

// A setting that ranks share, or that differs: then `value` is rank 0's, and `differs` is set.
struct PlannedSetting {
  topology::Setting setting;
  bool differs = false;
};
[[nodiscard]] std::vector<PlannedSetting> planned_settings(const RankPlan& plan);

}  // namespace trireme::launcher
