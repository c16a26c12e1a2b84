#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "trireme/base/store.h"

namespace trireme {

// Tells once when the store knows of a lost rank, for communicators that do not look at the store themselves (mpi).
//
// A thread of its own looks ten times a second, from construction to destruction; `on_lost` runs on it. The store must
// outlive the watch.
class LifeWatch {
 public:
  LifeWatch(const Store& store, std::function<void(const LostRank&)> on_lost);

 private:
  void watch(const std::stop_token& stop, const Store& store);

  std::function<void(const LostRank&)> on_lost_;
  std::mutex mutex_;  // guards nothing; the condition variable wants one
  std::condition_variable_any changed_;
  std::jthread thread_;  // last: it uses the others
};

// "rank 3 on node-2 is lost: killed by signal 9"
[[nodiscard]] std::string describe(const LostRank& lost);

}  // namespace trireme
