#pragma once

#include <atomic>
#include <cstdint>

#include "plan.h"
#include "support/process_ranks.h"

namespace trireme::soak {

// In memory that the parent shares with its ranks. Times are nanoseconds of CLOCK_MONOTONIC.
struct SharedMoments {
  std::atomic<std::int64_t> injected{0};
};
[[nodiscard]] std::int64_t now_ns();

// What a rank does in a round: the calls until they fail, then the same with the survivors, then a look for what is
// left behind. Reports lines to the parent: "ready", "failed KIND TIME TEXT", "rebuilt", "done"; "wrong …" and "left …"
// for what must not be. Returns the exit code.
int run_rank(const Plan& plan, const trireme::test::ProcessRank& rank, SharedMoments& moments);

}  // namespace trireme::soak
