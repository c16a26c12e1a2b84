#include "dask/server/reading_pace.h"

#include <algorithm>

namespace trireme::launcher::dask {

namespace {

constexpr double kFewTasks = 4;
constexpr double kManyTasks = 16;
constexpr double kEnoughSeconds = 0.01;  // of work ahead
constexpr double kPartOfWork = 0.65;     // that may be done before it is looked at

}  // namespace

// One that ran dry in between seems slower than it is, so its wait is halved with each reading until it does not.
void ReadingPace::note(double now, std::size_t ended, double threads) {
  if (ended > 0) task_seconds_ = std::min((now - last_reading_) * threads / static_cast<double>(ended), kSlowTask);
  last_reading_ = now;
}

double ReadingPace::wait(const WorkAhead& ahead, bool others_idle) const {
  const double seconds = std::max(ahead.seconds, ahead.tasks * task_seconds_);
  if (ahead.tasks < kFewTasks || seconds < kEnoughSeconds) return 0;
  if (ahead.tasks < kManyTasks || others_idle) return kShortWait;
  return std::min(seconds * kPartOfWork, kLongWait);
}

}  // namespace trireme::launcher::dask
