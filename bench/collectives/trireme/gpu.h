#pragma once

#include "../measure/rank_program.h"
#include "trireme/base/rank_environment.h"

namespace trireme::bench {

// Answers the driver with measurements of NCCL through Trireme, as nccl-tests measures: many operations in a row on one
// stream between two synchronisations, no producer between them; before them one operation whose result is checked.
// Foreign memory is cudaMalloc's. Throws ConfigError in a build without NCCL.
[[nodiscard]] int serve_gpu(const RankOptions& options, const RankEnvironment& environment);

}  // namespace trireme::bench
