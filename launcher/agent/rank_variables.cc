#include "agent/rank_variables.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>

#include <nlohmann/json.hpp>

namespace trireme::launcher {

namespace {

constexpr std::array<std::string_view, 6> kMpiPrefixes = {"OMPI_", "PMIX_", "PMI_", "ORTE_", "OPAL_", "PRTE_"};

constexpr std::array<std::string_view, 11> kRankNames = {
    "RANK",      "WORLD_SIZE",  "LOCAL_RANK",      "LOCAL_WORLD_SIZE", "GROUP_RANK",         "GROUP_WORLD_SIZE",
    "ROLE_RANK", "MASTER_ADDR", "ROLE_WORLD_SIZE", "MASTER_PORT",      "TORCHELASTIC_RUN_ID"};

bool has_mpi_prefix(std::string_view name) {
  return std::any_of(kMpiPrefixes.begin(), kMpiPrefixes.end(),
                     [&](std::string_view prefix) { return name.starts_with(prefix); });
}

void add_torchrun_names(const RankPlace& place, std::map<std::string, std::string>& variables) {
  variables["RANK"] = std::to_string(place.rank);
  variables["WORLD_SIZE"] = std::to_string(place.world_size);
  variables["LOCAL_RANK"] = std::to_string(place.local_rank);
  variables["LOCAL_WORLD_SIZE"] = std::to_string(place.local_size);
  variables["GROUP_RANK"] = std::to_string(place.node_rank);
  variables["GROUP_WORLD_SIZE"] = std::to_string(place.node_count);
}

}  // namespace

std::map<std::string, std::string> rank_variables(const RankPlace& place,
                                                  const std::map<std::string, std::string>& given, bool by_mpirun) {
  std::map<std::string, std::string> variables = {
      {"TRIREME_STORE", place.store},     {"TRIREME_STATUS_SOCKET", place.agent_socket},
      {"TRIREME_RUN_ID", place.run_id},   {"TRIREME_RUN_DIR", place.run_folder},
      {"MASTER_ADDR", place.master_host}, {"MASTER_PORT", std::to_string(place.master_port)},
      {"TMPDIR", place.temporary_folder}};
  // The user may join all ranks of one kernel with TRIREME_NODE=host.
  if (!given.contains("TRIREME_NODE")) variables["TRIREME_NODE"] = place.node;
  if (!given.contains("OMP_NUM_THREADS") && place.world_size > 1) variables["OMP_NUM_THREADS"] = "1";
  if (!by_mpirun) {
    add_torchrun_names(place, variables);
    return variables;
  }
  variables["OMPI_MCA_btl_vader_backing_directory"] = place.shared_memory_folder;
  return variables;
}

bool is_launch_variable(const std::string& name) {
  if (name == "TRIREME_NODE" || name == "TRIREME_TOPOLOGY") return false;
  return name.starts_with("TRIREME_") || name.starts_with("SLURM_") || has_mpi_prefix(name) ||
         std::find(kRankNames.begin(), kRankNames.end(), name) != kRankNames.end();
}

std::vector<std::string> program_environment(const nlohmann::json& ordered) {
  std::map<std::string, std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos || !has_mpi_prefix(text)) continue;
    variables[std::string(text.substr(0, equals))] = text.substr(equals + 1);
  }
  for (const auto& [name, value] : ordered.items()) variables[name] = value.get<std::string>();
  std::vector<std::string> entries;
  for (const auto& [name, value] : variables) entries.push_back(name + '=' + value);
  return entries;
}

}  // namespace trireme::launcher
