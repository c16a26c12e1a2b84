#pragma once

#include <map>
#include <string>
#include <vector>

#include "dask/tasks/client_record.h"
#include "dask/tasks/dispatch.h"
#include "dask/tasks/shuffle_table.h"

namespace trireme::launcher::dask::tasks {

using Clients = std::map<std::string, Client, std::less<>>;

// What must hold after every event, in sentences where it does not. Looks at everything: for tests.
//
// Edges, replicas and interests are the same from both sides. A task's state agrees with where it stands, with its
// counts of waiters and missing inputs, and with what needs it: what nobody needs is not kept, and what is needed is
// under way, there, erred, or waits for a worker that may run it. Windows, backlogs, resources and the order of workers
// are the sums of their tasks. No task queues while a worker that may run it has room. A shuffle runs only while its
// barrier is under way or there, and only its outputs are pinned.
[[nodiscard]] std::vector<std::string> broken_invariants(const TaskTable& tasks, const WorkerTable& workers,
                                                         const Dispatch& dispatch, const Clients& clients,
                                                         const ShuffleTable& shuffles);

}  // namespace trireme::launcher::dask::tasks
