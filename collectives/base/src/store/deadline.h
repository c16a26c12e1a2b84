#pragma once

#include <algorithm>
#include <chrono>

namespace trireme::detail {

// The moment `timeout` from now. A caller's "for ever" (milliseconds::max()) would overflow the clock, so a year stands
// for it.
[[nodiscard]] inline std::chrono::steady_clock::time_point deadline_after(std::chrono::milliseconds timeout) {
  using namespace std::chrono_literals;
  return std::chrono::steady_clock::now() + std::clamp<std::chrono::milliseconds>(timeout, 0ms, 24h * 365);
}

}  // namespace trireme::detail
