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

// The same rise, then a straight fall to `minimum` at update `until`.
struct WarmupLinear {
  double peak = 1e-3;
  std::int64_t warmup_steps = 0;
  std::int64_t until = 1;
  double minimum = 0;
};
// Throws as warmup_cosine() does.
[[nodiscard]] Schedule warmup_linear(const WarmupLinear& shape);

// Warm-up, stable, decay (arXiv:2404.06395): the same rise, then `peak`, then over the `decay_steps` updates before
// `until` a fall to `minimum`, kept from there on. A run can go on from any point of the stable part. With no
// decay_steps the rate is `peak` for ever after the warm-up.
enum class DecayShape {
  kLinear,
  kOneMinusSquareRoot,  // fast first (arXiv:2405.18392)
};
struct WarmupStableDecay {
  double peak = 1e-3;
  std::int64_t warmup_steps = 0;
  std::int64_t decay_steps = 0;
  std::int64_t until = 1;
  double minimum = 0;
  DecayShape decay = DecayShape::kLinear;
};
// Throws ConfigError unless 0 <= warmup_steps, 0 <= decay_steps, warmup_steps + decay_steps <= until, 0 < until and
// 0 <= minimum <= peak.
[[nodiscard]] Schedule warmup_stable_decay(const WarmupStableDecay& shape);

}  // namespace trireme
