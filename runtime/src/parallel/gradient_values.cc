#include "parallel/gradient_values.h"

#include <torch/torch.h>

#include <cmath>
#include <vector>

#include "kernels/gradient_kernels.h"

namespace trireme {
namespace {

double squares_on_host(const at::Tensor& flat) {
  switch (flat.scalar_type()) {
    case at::kFloat:
      return sum_of_squares_float(flat.const_data_ptr(), flat.numel());
    case at::kBFloat16:
      return sum_of_squares_bf16(flat.const_data_ptr(), flat.numel());
    default:
      return flat.to(at::kDouble).square().sum().item<double>();
  }
}

}  // namespace

at::Tensor wide_sum(const at::Tensor& values) {
  // A sum in fp16 overflows soon.
  return values.sum(at::isReducedFloatingType(values.scalar_type()) ? at::kFloat : values.scalar_type());
}

bool is_finite(const at::Tensor& values) { return std::isfinite(wide_sum(values).item<double>()); }

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

double sum_of_squares(std::span<const at::Tensor> flats) {
  double squares = 0;
  std::vector<at::Tensor> norms;  // of tensors on a GPU
  for (const auto& flat : flats) {
    if (flat.is_cpu()) {
      squares += squares_on_host(flat);
    } else {
      norms.push_back(at::linalg_vector_norm(flat, 2, std::nullopt, false, at::kDouble));
    }
  }
  return norms.empty() ? squares : squares + at::stack(norms).square().sum().item<double>();
}

}  // namespace trireme
