#pragma once

namespace trireme {
// "0.1.0"
[[nodiscard]] const char* version() noexcept;
}  // namespace trireme
