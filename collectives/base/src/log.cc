#include "trireme/base/log.h"

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <cstdlib>
#include <memory>
#include <string>

namespace trireme {

namespace {

spdlog::level::level_enum to_spdlog(LogLevel level) noexcept {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarn:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

std::string on_one_line(std::string_view text) {
  std::string line;
  for (const char letter : text) {
    if (letter == '\n') {
      line += "\\n";
    } else {
      line += letter;
    }
  }
  return line;
}

// A logger of our own rather than spdlog's default one, which belongs to the program that links us.
std::unique_ptr<spdlog::logger> make_logger() {
  auto logger = std::make_unique<spdlog::logger>("trireme", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_formatter(
      std::make_unique<spdlog::pattern_formatter>("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc));
  logger->flush_on(spdlog::level::trace);
  const char* const wanted = std::getenv("TRIREME_LOG");
  const auto level = wanted == nullptr ? LogLevel::kInfo : parse_log_level(wanted);
  logger->set_level(to_spdlog(level.value_or(LogLevel::kInfo)));
  if (!level) logger->warn("TRIREME_LOG='{}' is none of debug, info, warn, error; using info", on_one_line(wanted));
  return logger;
}

spdlog::logger& logger() {
  // Never destroyed: destructors of other statics may still log.
  static spdlog::logger* const instance = make_logger().release();
  return *instance;
}

}  // namespace

std::optional<LogLevel> parse_log_level(std::string_view text) noexcept {
  if (text == "debug") return LogLevel::kDebug;
  if (text == "info") return LogLevel::kInfo;
  if (text == "warn") return LogLevel::kWarn;
  if (text == "error") return LogLevel::kError;
  return std::nullopt;
}

void log(LogLevel level, std::string_view text) noexcept {
  try {
    logger().log(to_spdlog(level), spdlog::string_view_t(on_one_line(text)));
  } catch (...) {
    // A line that cannot be written is lost; there is nowhere to say so.
  }
}

}  // namespace trireme
