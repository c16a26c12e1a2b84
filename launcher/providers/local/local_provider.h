#pragma once

#include <memory>

#include "providers/provider.h"

namespace trireme::launcher {

// Nodes that are processes of this machine: a scheduler and N agents, daemons of this user that listen on loopback
// only, but for port 8787 where it was wished otherwise. Each node has a folder of its own for its socket and temporary
// files, below one short-named folder in TMPDIR.
[[nodiscard]] std::unique_ptr<ClusterProvider> make_local_provider();

// Seconds that down() gives a cluster to end by itself before it kills.
inline constexpr int kDownPatience = 12;

}  // namespace trireme::launcher
