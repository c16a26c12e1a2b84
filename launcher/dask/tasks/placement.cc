#include "dask/tasks/placement.h"

#include <algorithm>

namespace trireme::launcher::dask::tasks {

double move_seconds(std::int64_t bytes, std::int64_t inputs, double bandwidth) {
  return static_cast<double>(bytes) / bandwidth + static_cast<double>(inputs) * kFetchSeconds;
}

double memory_penalty_seconds(double memory_used) {
  return std::max(0.0, memory_used - kMemoryAtEase) / (kMemoryPaused - kMemoryAtEase) * kMemoryPenaltySeconds;
}

double start_seconds(const Candidate& worker) {
  const double busy = static_cast<double>(worker.work_us) * 1e-6 / static_cast<double>(worker.threads);
  return busy + move_seconds(worker.missing_bytes, worker.missing_inputs, worker.bandwidth) +
         memory_penalty_seconds(worker.memory_used);
}

bool is_worth_moving(double start_here_seconds, double start_there_seconds) {
  return start_there_seconds < 0.5 * start_here_seconds;
}

bool is_worth_stealing(double busy_seconds, double elapsed_seconds, double task_seconds, double start_there_seconds) {
  const double wait = std::max(busy_seconds - task_seconds - elapsed_seconds, elapsed_seconds - busy_seconds);
  return wait > start_there_seconds + kStealSeconds;
}

}  // namespace trireme::launcher::dask::tasks
