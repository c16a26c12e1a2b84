#include "scheduler/paging.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

namespace trireme::launcher {

namespace {

// FNV-1a: the same in every process, so that tokens outlive the scheduler.
std::uint32_t fingerprint(std::string_view text) {
  std::uint32_t hash = 2166136261U;
  for (const char letter : text) hash = (hash ^ static_cast<std::uint8_t>(letter)) * 16777619U;
  return hash;
}

// What follows `prefix` in `token`; nullopt when it begins otherwise.
std::optional<std::string_view> behind(std::string_view token, std::string_view prefix) {
  if (!token.starts_with(prefix)) return std::nullopt;
  return token.substr(prefix.size());
}

// Only as number tokens write it.
std::optional<std::uint64_t> number(std::string_view digits) {
  std::uint64_t value = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, value);
  const bool is_plain = digits.size() == 1 || (!digits.empty() && digits.front() != '0');
  if (error != std::errc() || stop != end || !is_plain) return std::nullopt;
  return value;
}

}  // namespace

std::optional<std::size_t> page_size(std::int32_t asked) {
  if (asked < 0) return std::nullopt;
  return static_cast<std::size_t>(asked == 0 ? kDefaultPageSize : std::min(asked, kMostPageSize));
}

std::string page_token(std::string_view question, std::string_view position) {
  return fmt::format("p1-{:08x}-{}", fingerprint(question), position);
}

std::optional<std::string> page_position(std::string_view token, std::string_view question) {
  const auto position = behind(token, page_token(question, ""));
  if (!position || position->empty()) return std::nullopt;
  return std::string(*position);
}

std::string log_token(std::uint64_t offset) { return fmt::format("l1-{}", offset); }

std::optional<std::uint64_t> parse_log_token(std::string_view token) {
  const auto offset = behind(token, "l1-");
  return offset ? number(*offset) : std::nullopt;
}

std::string metrics_token(const MetricsPlace& place) { return fmt::format("m1-{}-{}", place.sequence, place.time); }

std::optional<MetricsPlace> parse_metrics_token(std::string_view token) {
  const auto rest = behind(token, "m1-");
  const std::size_t dash = rest ? rest->find('-') : std::string_view::npos;
  if (dash == std::string_view::npos) return std::nullopt;
  const auto sequence = number(rest->substr(0, dash));
  const auto time = number(rest->substr(dash + 1));
  if (!sequence || !time) return std::nullopt;
  return MetricsPlace{*sequence, *time};
}

}  // namespace trireme::launcher
