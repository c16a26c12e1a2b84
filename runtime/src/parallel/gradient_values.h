#pragma once

#include <ATen/core/Tensor.h>

// Loops over gradients of any dtype: the kernels where there is one, else LibTorch.
namespace trireme {

// False when a value is infinite or not a number.
[[nodiscard]] bool is_finite(const at::Tensor& values);

// Copies, and says whether all values are finite.
[[nodiscard]] bool copy_and_check(const at::Tensor& from, const at::Tensor& to);

// `flat`: 1-D or contiguous, on the CPU. In double.
[[nodiscard]] double sum_of_squares(const at::Tensor& flat);

}  // namespace trireme
