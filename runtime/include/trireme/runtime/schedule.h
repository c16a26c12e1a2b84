#pragma once

#include <cstdint>
#include <functional>

// Learning rates over the steps of a run, as pure functions.
namespace trireme {

// The learning rate of update `step`, counted from 0.
using Schedule = std::function<double(std::int64_t step)>;

[[nodiscard]] Schedule constant_rate(double rate);

// Rises linearly to `peak` over the first `warmup_steps` updates (update 0 gets peak / warmup_steps), then falls along
// half a cosine to `minimum`, reached at update `until` and kept from there on.
struct WarmupCosine {
  double peak = 1e-3;
  std::int64_t warmup_steps = 0;
  std::int64_t until = 1;
  double minimum = 0;
};
// Throws ConfigError unless 0 <= warmup_steps < until and 0 <= minimum <= peak.
[[nodiscard]] Schedule warmup_cosine(const WarmupCosine& shape);

}  // namespace trireme
