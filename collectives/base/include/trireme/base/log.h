#pragma once

#include <optional>
#include <string_view>

#include "trireme/base/message.h"

// One line per event on standard error: "2026-01-31T12:00:00.250Z info rank=3 job=r-0007 event=resumed step=1200".
//
// Write key=value text, rank and job first; spell values with blanks in quotes. Info is what an operator acts on; what
// happens each step is a metric. TRIREME_LOG (debug, info, warn, error) sets the lowest level shown; unset: info.
// Thread-safe, one write per line. Never throws.
namespace trireme {

enum class LogLevel { kDebug, kInfo, kWarn, kError };

// nullopt when `text` names no level.
[[nodiscard]] std::optional<LogLevel> parse_log_level(std::string_view text) noexcept;

// Line breaks in `text` are written as "\n".
void log(LogLevel level, std::string_view text) noexcept;

// log_info("rank={} event=resumed step={}", rank, step);
template <typename... Args>
void log_debug(std::string_view pattern, const Args&... args) {
  log(LogLevel::kDebug, message(pattern, args...));
}
template <typename... Args>
void log_info(std::string_view pattern, const Args&... args) {
  log(LogLevel::kInfo, message(pattern, args...));
}
template <typename... Args>
void log_warn(std::string_view pattern, const Args&... args) {
  log(LogLevel::kWarn, message(pattern, args...));
}
template <typename... Args>
void log_error(std::string_view pattern, const Args&... args) {
  log(LogLevel::kError, message(pattern, args...));
}

}  // namespace trireme
