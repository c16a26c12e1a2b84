#pragma once

#include <cstdint>
#include <string>

namespace trireme::launcher {

// "1.2 us", "340 us", "12.3 ms", "30.0 s", "5 min 12 s"
[[nodiscard]] std::string format_duration_ns(std::int64_t nanoseconds);

}  // namespace trireme::launcher
