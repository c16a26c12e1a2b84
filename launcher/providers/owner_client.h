#pragma once

#include "providers/cluster_record.h"
#include "scheduler/client.h"

namespace trireme::launcher {

// A client of the cluster's scheduler with the owner's own token, where one is needed; does not connect yet. Throws
// DataError naming a file of the state folder that cannot be read.
[[nodiscard]] SchedulerClient connect_as_owner(const ClusterRecord& record);

}  // namespace trireme::launcher
