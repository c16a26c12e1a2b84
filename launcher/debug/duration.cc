#include "debug/duration.h"

#include <fmt/format.h>

namespace trireme::launcher {

std::string format_duration_ns(std::int64_t nanoseconds) {
  const auto microseconds = static_cast<double>(nanoseconds) / 1e3;
  if (microseconds < 100) return fmt::format("{:.1f} us", microseconds);
  if (microseconds < 1e3) return fmt::format("{:.0f} us", microseconds);
  if (microseconds < 1e6) return fmt::format("{:.1f} ms", microseconds / 1e3);
  if (microseconds < 120e6) return fmt::format("{:.1f} s", microseconds / 1e6);
  const auto seconds = nanoseconds / 1'000'000'000;
  return fmt::format("{} min {} s", seconds / 60, seconds % 60);
}

}  // namespace trireme::launcher
