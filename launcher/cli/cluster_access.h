#pragma once

#include <optional>
#include <string>

#include "providers/cluster_record.h"
#include "scheduler/client.h"

namespace trireme::launcher {

// As find_cluster(). Throws CommandError (kNotFound) that says how to start one, and which others are up.
[[nodiscard]] ClusterRecord require_cluster(const std::string& name);
// The option that a command needs to mean this cluster, with a space before it; empty for the default one.
[[nodiscard]] std::string cluster_option(const std::string& name);
// The cluster of that name; as the default one, that of TRIREME_SCHEDULER (HOST:PORT) where it is set, which shows the
// certificate in the file TRIREME_CERTIFICATE. nullopt when none is up.
[[nodiscard]] std::optional<ClusterRecord> find_cluster(const std::string& name);
// A client of its scheduler; does not connect yet. It comes with the token of TRIREME_TOKEN, of the file
// TRIREME_TOKEN_FILE (--token-file), or else the owner's.
[[nodiscard]] SchedulerClient connect_to(const ClusterRecord& record);
// For `up` and `down`. Throws CommandError (kConflict) when another one works on the cluster.
[[nodiscard]] ClusterLock lock_cluster(const std::string& name);
// True when its scheduler answers within a second.
[[nodiscard]] bool is_answering(const ClusterRecord& record);

}  // namespace trireme::launcher
