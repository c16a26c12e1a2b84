#include <cstdlib>

#include "trireme/topology/settings.h"

namespace trireme::topology {

std::vector<Setting> apply_to_process(const RankOnNode& rank) {
  const auto given = process_environment();
  if (given("TRIREME_TOPOLOGY") == "off") return {};
  const auto machine = inspect_machine({.use_hwloc = false});
  auto settings = without_given(settings_for(machine, rank), given);
  for (const auto& setting : settings) setenv(setting.name.c_str(), setting.value.c_str(), 0);
  return settings;
}

std::vector<Setting> apply_to_process(const RankEnvironment& environment) {
  if (environment.launched_by == LaunchedBy::kTriremeLauncher || environment.world_size == 1) return {};
  return apply_to_process({.local_rank = environment.local_rank,
                           .local_size = environment.local_world_size,
                           .spans_nodes = environment.local_world_size < environment.world_size,
                           .peer = environment.master_addr.value_or("")});
}

}  // namespace trireme::topology
