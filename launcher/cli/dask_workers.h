#pragma once

#include <string>

#include "jobs/run_spec.h"
#include "providers/cluster_record.h"

namespace trireme::launcher {

// The name of the runs of `launcher up --dask`.
inline constexpr const char* kDaskWorker = "dask-worker";

// What `launcher up --dask` submits: one Dask worker on every node, also on those that come later, a run of its own on
// each. It is started again when it fails, named after its node, and has its share of the machine's threads, by the
// nodes that the cluster has now. `command` is a shell's words for a worker ("dask worker", "dask cuda worker
// --nthreads 1"); the scheduler's address and the name are added. Empty: `dask worker` of PATH, on nodes with GPUs
// `dask cuda worker` with the resource GPU=1. On nodes with GPUs they have those for themselves. Throws CommandError
// that says what to install when there is none.
[[nodiscard]] RunSpec dask_worker(const ClusterRecord& cluster, const std::string& command, bool gpu);

}  // namespace trireme::launcher
