#include "parallel/gradient_values.h"

#include <torch/torch.h>

#include <cmath>

#include "kernels/gradient_kernels.h"

namespace trireme {

bool is_finite(const at::Tensor& values) {
  // A sum in fp16 overflows soon.
  const auto dtype = at::isReducedFloatingType(values.scalar_type()) ? at::kFloat : values.scalar_type();
  return std::isfinite(values.sum(dtype).item<double>());
}

bool copy_and_check(const at::Tensor& from, const at::Tensor& to) {
  const bool is_plain = from.is_contiguous() && from.scalar_type() == to.scalar_type() && from.is_cpu();
  const auto* source = is_plain ? from.const_data_ptr() : nullptr;
  switch (is_plain ? to.scalar_type() : at::ScalarType::Undefined) {
    case at::kFloat:
      return copy_finite_float(source, to.data_ptr(), to.numel());
    case at::kBFloat16:
      return copy_finite_bf16(source, to.data_ptr(), to.numel());
    case at::kHalf:
      return copy_finite_half(source, to.data_ptr(), to.numel());
    default:
      to.copy_(from);
      return is_finite(to);
  }
}

double sum_of_squares(const at::Tensor& flat) {
  switch (flat.scalar_type()) {
    case at::kFloat:
      return sum_of_squares_float(flat.const_data_ptr(), flat.numel());
    case at::kBFloat16:
      return sum_of_squares_bf16(flat.const_data_ptr(), flat.numel());
    default:
      return flat.to(at::kDouble).square().sum().item<double>();
  }
}

}  // namespace trireme
