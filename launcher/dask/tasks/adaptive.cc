// How many workers there should be: the rules of Dask's adaptive_target() and workers_to_close().
#include <algorithm>
#include <cmath>
#include <tuple>
#include <vector>

#include "dask/tasks/state.h"

namespace trireme::launcher::dask {

using tasks::Task;
using tasks::TaskQueue;
using tasks::Worker;

namespace {

constexpr std::size_t kSampled = 100;       // queued tasks, that stand for all
constexpr double kMemoryCrowded = 0.6;      // of all limits; more held than this asks for twice the workers
constexpr std::int64_t kMemoryToSpare = 2;  // what stays could hold the results this many times

double queued_seconds(const TaskQueue& tasks) {
  double seconds = 0;
  std::size_t sampled = 0;
  for (auto each = tasks.begin(); each != tasks.end() && sampled < kSampled; ++each, ++sampled) {
    seconds += (*each)->prefix->expected_seconds();
  }
  return sampled == 0 ? 0 : seconds * static_cast<double>(tasks.size()) / static_cast<double>(sampled);
}

bool is_idle(const Worker& worker) { return worker.sent.empty() && worker.waiting_here() == 0; }

}  // namespace

std::size_t TaskScheduler::wanted_workers(double target_seconds) const {
  const tasks::Dispatch& dispatch = state_->dispatch;
  std::size_t tasks = dispatch.queued().size() + dispatch.stranded().size();
  const bool has_waiting = tasks > 0;
  const double seconds = state_->tasks.prefixes().processing_seconds() + queued_seconds(dispatch.queued()) +
                         queued_seconds(dispatch.stranded());
  std::int64_t limit = 0;
  std::int64_t held = 0;
  state_->workers.for_each([&](const Worker& worker) {
    tasks += worker.sent.size() + worker.waiting_here();
    limit += worker.memory_limit;
    held += worker.held_bytes;
  });
  // No more threads than tasks, however long those take.
  const double threads = std::min(std::ceil(seconds / std::max(target_seconds, 1e-3)), static_cast<double>(tasks));
  const std::size_t workers = state_->workers.size();
  if (workers == 0) return std::max<std::size_t>(static_cast<std::size_t>(threads), has_waiting ? 1 : 0);
  const double threads_each = static_cast<double>(state_->workers.total_threads()) / static_cast<double>(workers);
  auto wanted = static_cast<std::size_t>(std::ceil(threads / threads_each));
  if (limit > 0 && static_cast<double>(held) > kMemoryCrowded * static_cast<double>(limit)) {
    wanted = std::max(wanted, 2 * workers);
  }
  return wanted >= workers ? wanted : workers - workers_to_close(std::nullopt).size();
}

std::vector<std::string> TaskScheduler::workers_to_close(std::optional<std::size_t> count) const {
  std::vector<const Worker*> workers;
  std::int64_t limit = 0;
  std::int64_t held = 0;
  state_->workers.for_each([&](const Worker& worker) {
    // What left its threads would begin again elsewhere, and often it waits for tasks of its own.
    if (worker.long_running > 0) return;
    // A shuffle that loses a worker begins anew.
    if (!state_->shuffles.joined_by(worker.address).empty()) return;
    workers.push_back(&worker);
    limit += worker.memory_limit;
    held += worker.held_bytes;
  });
  std::sort(workers.begin(), workers.end(), [](const Worker* a, const Worker* b) {
    return std::tuple(!is_idle(*a), a->held_bytes, a->number) < std::tuple(!is_idle(*b), b->held_bytes, b->number);
  });
  std::vector<std::string> closed;
  for (const Worker* worker : workers) {
    if (!count.has_value() && !is_idle(*worker)) break;
    limit -= worker->memory_limit;
    const bool stays = count.has_value() ? closed.size() >= *count : limit < kMemoryToSpare * held;
    if (stays) break;
    closed.push_back(worker->address);
  }
  return closed;
}

}  // namespace trireme::launcher::dask
