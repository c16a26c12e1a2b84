#pragma once

#include <nlohmann/json_fwd.hpp>

#include "scheduler/snapshot.h"

namespace trireme::launcher {

inline constexpr int kRecentSeconds = 180;
// Ranks in one answer: a rank's curve may take a millisecond to read, and other requests wait meanwhile.
inline constexpr int kRecentRanks = 16;

// What ranks of a run did in the last kRecentSeconds before `now` (seconds since the epoch), a value a second, for maps
// that are not to begin empty. From rank `first` on, kRecentRanks at most. docs/json.md has the keys.
[[nodiscard]] nlohmann::json recent_ranks(const SnapshotSource& source, const RunView& run, int first, double now);

}  // namespace trireme::launcher
