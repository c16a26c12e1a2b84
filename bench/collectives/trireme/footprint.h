#pragma once

#include <cstdint>
#include <string>

#include "trireme/base/rank_environment.h"

namespace trireme::bench {

// Collective. What a communicator costs beyond its buffers: opens one, allocates `bytes` of arena memory a rank, writes
// and reduces it, and compares the ranks' proportional set sizes with those before. Returns one JSON line on rank 0,
// {"ranks", "bytes", "extra_bytes"} (extra over all ranks), an empty one elsewhere.
[[nodiscard]] std::string measure_footprint(const std::string& backend, const RankEnvironment& environment,
                                            std::int64_t bytes);

}  // namespace trireme::bench
