#pragma once

#include <ATen/core/Tensor.h>

#include "kernels/adam_kernel.h"

// Kernels over the flat tensors of a part, spread over this rank's threads.
namespace trireme {

// values, exp_avg, exp_avg_sq: float32; gradient: float32, bfloat16 or another floating dtype (copied to float32
// first). All of one length. Works in place.
void update_adam(const at::Tensor& values, const at::Tensor& gradient, const at::Tensor& exp_avg,
                 const at::Tensor& exp_avg_sq, const AdamStep& step);

}  // namespace trireme
