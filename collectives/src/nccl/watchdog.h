#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace trireme::collectives {

// Calls `look` every `period` from a thread of its own, until destroyed. `look` never throws and outlives the watchdog.
//
// Why a thread: a host that runs ahead of its GPU, or blocks in the CUDA runtime behind a kernel that waits for a dead
// peer, calls nothing of ours; only another thread can stop that kernel. It sleeps but for a few looks a second.
class Watchdog {
 public:
  Watchdog(std::function<void()> look, std::chrono::milliseconds period);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  void run(const std::stop_token& stop);

  const std::function<void()> look_;
  const std::chrono::milliseconds period_;
  std::mutex mutex_;  // guards nothing: the condition variable wants one
  std::condition_variable_any wakes_;
  std::jthread thread_;
};

}  // namespace trireme::collectives
