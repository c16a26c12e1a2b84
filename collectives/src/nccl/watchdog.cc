#include "watchdog.h"

namespace trireme::collectives {

Watchdog::Watchdog(std::function<void()> look, std::chrono::milliseconds period)
    : look_(std::move(look)), period_(period), thread_([this](const std::stop_token& stop) { run(stop); }) {}

Watchdog::~Watchdog() {
  thread_.request_stop();
  thread_.join();
}

void Watchdog::run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!wakes_.wait_for(lock, stop, period_, [&] { return stop.stop_requested(); })) look_();
}

}  // namespace trireme::collectives
