#include "optim/update_tensors.h"

#include <torch/torch.h>

namespace trireme {
namespace {

GradientType readable_type(at::Tensor& gradient) {
  if (!gradient.defined()) return GradientType::kFloat;
  switch (gradient.scalar_type()) {
    case at::kFloat:
      return GradientType::kFloat;
    case at::kBFloat16:
      return GradientType::kBf16;
    case at::kHalf:
      return GradientType::kHalf;
    default:
      gradient = gradient.to(at::kFloat);
      return GradientType::kFloat;
  }
}

}  // namespace

UpdateSegment segment_of(const at::Tensor& values, at::Tensor& gradient, std::span<const at::Tensor> state) {
  const auto type = readable_type(gradient);
  return {.values = values.mutable_data_ptr<float>(),
          .gradients = gradient.defined() ? gradient.const_data_ptr() : nullptr,
          .first = state.empty() ? nullptr : state[0].mutable_data_ptr<float>(),
          .second = state.size() < 2 ? nullptr : state[1].mutable_data_ptr<float>(),
          .elements = values.numel(),
          .type = type};
}

}  // namespace trireme
