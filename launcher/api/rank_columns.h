#pragma once

#include <nlohmann/json_fwd.hpp>

#include "scheduler/snapshot.h"

namespace trireme::launcher {

// What a run's ranks do now, a list for each property with one entry a rank: a tenth of what a list of objects takes,
// for runs of a thousand ranks. docs/json.md has the keys. `now`: seconds since the epoch; times become ages.
[[nodiscard]] nlohmann::json rank_columns(const RunView& run, double now);

}  // namespace trireme::launcher
