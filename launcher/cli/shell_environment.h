#pragma once

#include <map>
#include <string>
#include <vector>

namespace trireme::launcher {

// This shell's environment for a run's ranks: without the variables of other launches, and with `added`, each of the
// form KEY=VALUE. Throws CommandError for one that is not.
[[nodiscard]] std::map<std::string, std::string> shell_environment(const std::vector<std::string>& added = {});

}  // namespace trireme::launcher
