#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace trireme::detail {

// The first host of a Slurm node list: "gpu[07-09,12],login" gives "gpu07". nullopt when the list is empty or torn.
[[nodiscard]] std::optional<std::string> first_slurm_host(std::string_view list);

// Tasks on node `node` of Slurm's tasks-per-node text: "4(x2),3" gives 4, 4, 3. nullopt when it does not say.
[[nodiscard]] std::optional<int> slurm_tasks_on_node(std::string_view text, int node);

}  // namespace trireme::detail
