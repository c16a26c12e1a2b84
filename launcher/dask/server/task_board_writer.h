#pragma once

#include "dask/server/hub.h"
#include "scheduler/task_board.h"

// What the other faces are shown of this one.
namespace trireme::launcher::dask {

[[nodiscard]] TaskBoard task_board_of(Hub& hub);

// The run of a task that a worker's message tells of, if it says when that was. `said`: a task-finished or task-erred
// operation.
void write_spans(Hub& hub, const Object& said, const Key& key, std::string_view worker, bool erred);

}  // namespace trireme::launcher::dask
