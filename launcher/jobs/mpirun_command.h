#pragma once

#include <string>
#include <vector>

#include "jobs/placement.h"

namespace trireme::launcher {

struct MpirunOptions {
  std::string mpirun = "mpirun";
  std::string launcher;  // absolute path of this binary
  std::string run_id;
  std::string interface;  // network interface of the nodes; empty: Open MPI chooses
};

// mpirun's argument vector for a run: its remote-start agent is `launcher rsh`, its program `launcher rank`.
//
// All daemons are started by mpirun itself (no tree) and answer to it directly, so one node needs no way to another.
// The ranks' environment does not travel this way: the shim asks its agent for it.
[[nodiscard]] std::vector<std::string> mpirun_command(const MpirunOptions& options, const std::vector<Share>& shares);

}  // namespace trireme::launcher
