#pragma once

#include <optional>
#include <string_view>

#include "dask/wire/message.h"

namespace trireme::launcher::dask {

// A time as dask.utils.parse_timedelta reads it: "100 ms", "60s", "1.5 hours", "5"; nullopt for anything else.
[[nodiscard]] std::optional<double> parse_seconds(std::string_view text);
// The time under a name, as a number of seconds or as text; nullopt where there is none.
[[nodiscard]] std::optional<double> find_seconds(const Object& map, std::string_view name);

}  // namespace trireme::launcher::dask
