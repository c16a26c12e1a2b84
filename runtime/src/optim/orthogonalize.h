#pragma once

#include <ATen/core/Tensor.h>

namespace trireme {

// About U V^T of the singular value decomposition U S V^T of `matrix`: singular values between 0.7 and 1.2 after 5
// iterations of the quintic of https://kellerjordan.github.io/posts/muon. 2-D, float32. Zero stays zero.
[[nodiscard]] at::Tensor orthogonalize(const at::Tensor& matrix, int iterations);

}  // namespace trireme
