#pragma once

#include <string>

#include "jobs/run_spec.h"
#include "providers/cluster_record.h"

namespace trireme::launcher {

// The run of `launcher up --dask`: one Dask worker on every node, started again when it fails, named after its node,
// with its share of the machine's threads. `command` is a shell's words for a worker ("dask worker", "dask cuda worker
// --nthreads 1"); the scheduler's address and the name are added. Empty: `dask worker` of PATH, on nodes with GPUs
// `dask cuda worker` with the resource GPU=1. On nodes with GPUs they have those for themselves. Throws CommandError
// that says what to install when there is none.
[[nodiscard]] RunSpec dask_workers(const ClusterRecord& cluster, const std::string& command, bool gpu);

}  // namespace trireme::launcher
