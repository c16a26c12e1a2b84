#include "agent/network_variables.h"

namespace trireme::launcher {

namespace {

using Variables = std::map<std::string, std::string>;

std::vector<topology::Setting> settings_of(const topology::Machine& machine, const topology::RankOnNode& rank,
                                           const Variables& given) {
  const auto lookup = [&](const std::string& name) -> std::optional<std::string> {
    const auto found = given.find(name);
    return found == given.end() ? std::nullopt : std::optional(found->second);
  };
  return topology::without_given(topology::settings_for(machine, rank), lookup);
}

}  // namespace

Variables network_variables(const topology::Machine& machine, const topology::RankOnNode& rank, const Variables& given,
                            bool by_mpirun) {
  Variables variables;
  for (const auto& setting : settings_of(machine, rank, given)) {
    if (by_mpirun && setting.library == topology::Library::kOpenMpi) continue;
    variables[setting.name] = setting.value;
  }
  return variables;
}

Variables mpirun_variables(const topology::Machine& machine, const topology::RankOnNode& rank, const Variables& given) {
  Variables variables;
  for (const auto& setting : settings_of(machine, rank, given)) {
    if (setting.library == topology::Library::kOpenMpi) variables[setting.name] = setting.value;
  }
  return variables;
}

}  // namespace trireme::launcher
