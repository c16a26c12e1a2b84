#pragma once

#include <string>
#include <vector>

#include "dask/tasks/membership.h"
#include "dask/tasks/task_record.h"

namespace trireme::launcher::dask::tasks {

// Who keeps keys alive: a client with a stream, or a holder that is only a name and ends with its last key.
struct Client {
  std::string name;
  bool is_connected = false;    // hears of its keys
  bool only_completes = false;  // "fire-and-forget": lets go of a task as soon as it has ended
  std::vector<Task*> wants;
};

using Interests = Relation<Task, Client, &Client::wants, &Task::wanted_by>;

}  // namespace trireme::launcher::dask::tasks
