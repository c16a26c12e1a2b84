// Cache lines, asked for together instead of missed one after the other.
#include <algorithm>

#include "dask/tasks/dispatch.h"

namespace trireme::launcher::dask::tasks {

namespace {

constexpr std::size_t kCacheLine = 64;
constexpr std::size_t kMostTasks = 256;       // of a worker with many threads
constexpr std::size_t kMostSpecBytes = 1024;  // the processor follows a long one by itself

void prefetch(const void* begin, std::size_t size) {
  const auto* bytes = static_cast<const char*>(begin);
  for (std::size_t at = 0; at < size; at += kCacheLine) __builtin_prefetch(bytes + at);
}

// With the line before it, where its node in the table begins.
void prefetch(const Task& task) {
  prefetch(reinterpret_cast<const char*>(&task) - kCacheLine, sizeof task + kCacheLine);
}

// What it points to; it should have come itself by now.
void prefetch_key(const Task& task) { __builtin_prefetch(task.key->packed().data()); }
void prefetch_spec(const Task& task) {
  prefetch(task.run_spec.view().data(), std::min(task.run_spec.size(), kMostSpecBytes));
}

}  // namespace

void Dispatch::warm_up(const Worker& worker) const {
  const std::size_t count = std::min(worker.sent.size(), kMostTasks);
  const auto for_each_sent = [&](auto visit) {
    for (std::size_t i = 0; i < count; ++i) visit(*worker.sent[i]);
  };
  const auto for_each_next = [&](auto visit) {
    auto next = queued_.begin();
    for (std::size_t left = std::min(count, queued_.size()); left > 0; --left) visit(**next++);
  };
  const auto itself = [](const Task& task) { prefetch(task); };
  for_each_sent(itself);
  for_each_next(itself);
  for_each_sent(prefetch_key);
  for_each_next([](const Task& task) {
    prefetch_key(task);
    prefetch_spec(task);
  });
}

}  // namespace trireme::launcher::dask::tasks
