#pragma once

#include <cstddef>

#include "dask/tasks/task_scheduler.h"

namespace trireme::launcher::dask {

// How long a busy worker's messages may be left lying before they are read.
//
// Waking for each of them would cost several times what is in them. A worker that has work for half as long again as
// the wait does not notice; how long its work lasts follows from what it ended between the last readings. Times in
// seconds.
class ReadingPace {
 public:
  static constexpr double kShortWait = 0.005;
  static constexpr double kLongWait = 0.02;

  // All there was has been read: it told of so many ended tasks.
  void note(double now, std::size_t ended, double threads);
  // 0: read at once. `others_idle`: another worker may wait for what this one ends.
  [[nodiscard]] double wait(const WorkAhead& ahead, bool others_idle) const;

 private:
  double last_reading_ = 0;
  double task_seconds_ = kSlowTask;

  // What a thread of a worker in Python needs for a task that does nothing, on a slow machine.
  static constexpr double kSlowTask = 0.0005;
};

}  // namespace trireme::launcher::dask
