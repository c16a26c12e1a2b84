#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// Pages of long lists, and the tokens that lists and streams go on with. Tokens are text that callers keep and do not
// read; every one names what it is of, so that a token of another question is found out. Pure.
namespace trireme::launcher {

inline constexpr std::int32_t kDefaultPageSize = 100;
inline constexpr std::int32_t kMostPageSize = 1000;

// How many rows a caller gets who asked for `asked`; nullopt when that is negative.
[[nodiscard]] std::optional<std::size_t> page_size(std::int32_t asked);

// `question` is everything that decides what the list holds: "runs failed"; `position` the last row of the page before.
[[nodiscard]] std::string page_token(std::string_view question, std::string_view position);
// The position; nullopt for what is no token of this question.
[[nodiscard]] std::optional<std::string> page_position(std::string_view token, std::string_view question);

// Where a run's log goes on: at a byte of it.
[[nodiscard]] std::string log_token(std::uint64_t offset);
[[nodiscard]] std::optional<std::uint64_t> parse_log_token(std::string_view token);

// Where a run's metrics go on: behind a point, known by its place in the order of arrival and by its time.
struct MetricsPlace {
  std::uint64_t sequence = 0;
  std::uint64_t time = 0;  // milliseconds since the epoch
  friend bool operator==(const MetricsPlace&, const MetricsPlace&) = default;
};
[[nodiscard]] std::string metrics_token(const MetricsPlace& place);
[[nodiscard]] std::optional<MetricsPlace> parse_metrics_token(std::string_view token);

}  // namespace trireme::launcher
