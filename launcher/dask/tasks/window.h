#pragma once

#include <cstdint>

#include "dask/tasks/task_scheduler.h"

namespace trireme::launcher::dask::tasks {

// Work that was sent to a worker and has not ended.
struct InFlight {
  std::int64_t tasks = 0;
  std::int64_t work_us = 0;  // expected, summed over the tasks
  std::int64_t threads = 1;
};

// Whether another task should be sent ahead: below fewest_in_flight a thread always, below most_in_flight as long as
// the work in flight covers less than work_in_flight_seconds of each thread.
[[nodiscard]] inline bool has_room(const InFlight& work, const PlacementSettings& settings) {
  if (work.tasks < settings.fewest_in_flight * work.threads) return true;
  const double covered = static_cast<double>(work.work_us) * 1e-6 / static_cast<double>(work.threads);
  return work.tasks < settings.most_in_flight * work.threads && covered < settings.work_in_flight_seconds;
}

}  // namespace trireme::launcher::dask::tasks
