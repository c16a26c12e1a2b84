#pragma once

#include <string>
#include <vector>

namespace trireme::launcher {

// What mpirun calls in place of ssh: has the agent of node `host` run a shell command there, with this process's
// standard streams, and returns its exit code. The command ends when this process does.
//
// `sockets` is the path of the agents' sockets with '%' for the node's name.
// Throws ConfigError when there is no agent of that name.
[[nodiscard]] int run_remotely(const std::string& host, const std::vector<std::string>& words,
                               const std::string& sockets, const std::string& run_id);

}  // namespace trireme::launcher
