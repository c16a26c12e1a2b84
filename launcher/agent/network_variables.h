#pragma once

#include <map>
#include <string>

#include "trireme/topology/settings.h"

namespace trireme::launcher {

// What this machine's topology adds to a rank's environment, less what `given` (the user's) decides already. A rank
// that mpirun starts gets nothing for Open MPI: mpirun tells its ranks what it was told itself.
[[nodiscard]] std::map<std::string, std::string> network_variables(const topology::Machine& machine,
                                                                   const topology::RankOnNode& rank,
                                                                   const std::map<std::string, std::string>& given,
                                                                   bool by_mpirun);
// For mpirun itself: the interface it and its daemons use.
[[nodiscard]] std::map<std::string, std::string> mpirun_variables(const topology::Machine& machine,
                                                                  const topology::RankOnNode& rank,
                                                                  const std::map<std::string, std::string>& given);

}  // namespace trireme::launcher
