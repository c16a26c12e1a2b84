#pragma once

#include <string>

#include "providers/cluster_record.h"
#include "scheduler/client.h"

namespace trireme::launcher {

// The cluster of that name. Throws CommandError (kNotFound) that says how to start one, and which others are up.
[[nodiscard]] ClusterRecord require_cluster(const std::string& name);
// The option that a command needs to mean this cluster, with a space before it; empty for the default one.
[[nodiscard]] std::string cluster_option(const std::string& name);
// A client of its scheduler; does not connect yet.
[[nodiscard]] SchedulerClient connect_to(const ClusterRecord& record);
// For `up` and `down`. Throws CommandError (kConflict) when another one works on the cluster.
[[nodiscard]] ClusterLock lock_cluster(const std::string& name);
// True when its scheduler answers within a second.
[[nodiscard]] bool is_answering(const ClusterRecord& record);

}  // namespace trireme::launcher
