#pragma once

#include <chrono>
#include <memory>
#include <mutex>

#include "scheduler/scheduler.h"
#include "trireme/v1/cluster.pb.h"

namespace trireme::launcher {

// The cluster's status as a message, made once a revision however many ask. Thread-safe.
class StatusCache {
 public:
  // `scheduler` outlives it.
  explicit StatusCache(const Scheduler& scheduler) : scheduler_(scheduler) {}

  // Never of an older revision than the present one; heartbeats, which are no change, may be missing for kMostAge.
  [[nodiscard]] std::shared_ptr<const v1::ClusterStatus> get();

 private:
  static constexpr std::chrono::milliseconds kMostAge{100};

  const Scheduler& scheduler_;
  std::mutex mutex_;  // guards all below
  std::shared_ptr<const v1::ClusterStatus> status_;
  std::chrono::steady_clock::time_point made_;
};

}  // namespace trireme::launcher
