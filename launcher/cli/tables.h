#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/columns.h"
#include "scheduler/snapshot.h"

// Text for people. Pure, but for the clock that is passed in.
namespace trireme::launcher {

// "4 s", "2 min 5 s", "3 h 12 min"
[[nodiscard]] std::string format_duration(double seconds);

[[nodiscard]] std::string format_status(const ClusterSnapshot& snapshot, double now);
[[nodiscard]] std::string format_runs(const std::vector<RunView>& runs, double now);
// One run with its ranks.
[[nodiscard]] std::string format_run(const RunView& run, double now);
// What a failed run's ranks said: a line a rank that ended badly, with the last lines of its standard error.
[[nodiscard]] std::string format_failure(const RunView& run);

}  // namespace trireme::launcher
