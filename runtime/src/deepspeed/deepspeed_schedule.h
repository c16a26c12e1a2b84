#pragma once

#include <cstdint>

#include "trireme/runtime/schedule.h"

namespace trireme {

// DeepSpeed's WarmupLR, WarmupDecayLR and WarmupCosineLR (deepspeed/runtime/lr_schedules.py).
struct DeepSpeedWarmup {
  enum class Then { kConstant, kLinear, kCosine };
  Then then = Then::kConstant;
  bool is_logarithmic = true;  // the warm-up's shape; else linear
  double from = 0;             // rates; the cosine's are the optimizer's rate times the file's ratios
  double peak = 1e-3;
  double end = 0;                // of the cosine
  std::int64_t warmup = 1000;    // steps
  std::int64_t total = 1 << 30;  // steps, with the warm-up; not of kConstant
};

// As there, the rate of step 0 is `from` and that of step n+1 is the formula's at n, because the scheduler moves on
// after the optimizer. Pure.
[[nodiscard]] Schedule deepspeed_warmup(const DeepSpeedWarmup& shape);

}  // namespace trireme
