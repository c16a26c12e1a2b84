#pragma once

#include <ATen/core/Tensor.h>

#include <span>

// Loops over gradients of any dtype: the kernels where there is one, else LibTorch.
namespace trireme {

// A 0-dim tensor that is not finite exactly when a value is not, or so many of them are so large that they overflow.
// On a GPU nobody waits for it.
[[nodiscard]] at::Tensor wide_sum(const at::Tensor& values);

// False when a value is infinite or not a number.
[[nodiscard]] bool is_finite(const at::Tensor& values);

// Copies, and says whether all values are finite. Both on the CPU.
[[nodiscard]] bool copy_and_check(const at::Tensor& from, const at::Tensor& to);

// Of all elements of `flats`, each 1-D or contiguous, added up tensor by tensor, in double. Tensors on a GPU are waited
// for once.
[[nodiscard]] double sum_of_squares(std::span<const at::Tensor> flats);

}  // namespace trireme
