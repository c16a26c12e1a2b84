#pragma once

#include <chrono>

namespace trireme::launcher {

// The wall clock as run records show it.
[[nodiscard]] inline double seconds_since_epoch() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace trireme::launcher
