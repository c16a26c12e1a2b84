#pragma once

#include <c10/core/DeviceType.h>
#include <c10/core/ScalarType.h>

#include "trireme/runtime/precision.h"

namespace trireme {

// While it lives, operations on one kind of device run in the dtype that suits each: matrix products in bf16 or fp16,
// sums and losses in float32 (LibTorch's autocast). For models whose parameters stay float32:
//
//   at::Tensor loss;
//   {
//     const Autocast guard(Precision::kBf16);
//     loss = parallel(inputs, targets);
//   }
//   step.backward(loss);
//
// Hold it around the forward pass only, and anew each step: rounded parameters are cached until the outermost guard
// ends. Guards nest, end in the reverse order, and put everything back also when an exception passes. kFloat32 switches
// autocast off inside another guard. One thread's; to be destroyed on the thread that made it.
class [[nodiscard]] Autocast {
 public:
  // Throws ConfigError for a device that LibTorch cannot autocast on.
  explicit Autocast(Precision precision, at::DeviceType device = at::kCPU);
  ~Autocast();
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  at::DeviceType device_;
  bool was_enabled_;
  at::ScalarType previous_dtype_;
};

}  // namespace trireme
