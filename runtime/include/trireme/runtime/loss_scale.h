#pragma once

#include <cstdint>

namespace trireme {

// How much the loss is multiplied with before backward, so that small gradients do not underflow in fp16
// (arXiv:1710.03740). Gradients are divided by it again inside the optimizer's step. A step whose gradients overflow is
// skipped on all ranks and lowers the scale; the scale is the same on all ranks and part of checkpoints.
struct LossScale {
  double initial = 65536;
  double growth = 2;                    // multiplies the scale …
  std::int64_t growth_interval = 2000;  // … after so many steps in a row without an overflow; 0: never
  double backoff = 0.5;                 // multiplies it on an overflow
  int hysteresis = 1;                   // overflows since it last grew until it falls
  double least = 1;
  double most = 16777216;
};

// A scale that stays.
[[nodiscard]] inline LossScale constant_loss_scale(double scale) {
  return {.initial = scale, .growth_interval = 0, .backoff = 1, .least = scale, .most = scale};
}

}  // namespace trireme
