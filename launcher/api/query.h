#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace trireme::launcher {

// "/json/logs?run=r-0001" → "/json/logs".
[[nodiscard]] std::string_view path_of(std::string_view target);

// The first value of `name` in the target's query, percent-decoded; nullopt when it is absent or badly encoded.
[[nodiscard]] std::optional<std::string> query_value(std::string_view target, std::string_view name);

// A count in 1..most; `fallback` when the name is absent, nullopt when the value is no such number.
[[nodiscard]] std::optional<std::size_t> query_count(std::string_view target, std::string_view name,
                                                     std::size_t fallback, std::size_t most);

}  // namespace trireme::launcher
