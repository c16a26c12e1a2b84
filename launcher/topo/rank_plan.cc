#include "topo/rank_plan.h"

#include <algorithm>

namespace trireme::launcher {

RankPlan plan_ranks(const topology::Machine& machine, int ranks, const std::string& peer) {
  const int gpus = static_cast<int>(machine.gpus.gpus.size());
  const int count = ranks > 0 ? ranks : std::max(1, gpus);
  RankPlan plan{.interface = topology::choose_interface(machine, peer)};
  for (int rank = 0; rank < count; ++rank) {
    const topology::RankOnNode on_node{.local_rank = rank, .local_size = count, .peer = peer};
    plan.devices.push_back(topology::choose_devices(machine, on_node));
    plan.settings.push_back(topology::settings_for(machine, on_node));
  }
  return plan;
}

std::vector<PlannedSetting> planned_settings(const RankPlan& plan) {
  std::vector<PlannedSetting> planned;
  for (const auto& setting : plan.settings.front()) {
    const auto is_other = [&](const std::vector<topology::Setting>& others) {
      const auto found = std::ranges::find(others, setting.name, &topology::Setting::name);
      return found == others.end() || found->value != setting.value;
    };
    planned.push_back({setting, std::ranges::any_of(plan.settings, is_other)});
  }
  return planned;
}

}  // namespace trireme::launcher
