#include "optim/update_tensors.h"

#include <ATen/Parallel.h>
#include <torch/torch.h>

namespace trireme {
namespace {

constexpr std::int64_t kGrain = 32768;  // elements a thread takes at least

at::Tensor readable(const at::Tensor& gradient) {
  const auto type = gradient.scalar_type();
  return type == at::kFloat || type == at::kBFloat16 ? gradient : gradient.to(at::kFloat);
}

}  // namespace

void update_adam(const at::Tensor& values, const at::Tensor& gradient, const at::Tensor& exp_avg,
                 const at::Tensor& exp_avg_sq, const AdamStep& step) {
  const auto source = readable(gradient);
  const auto kernel = source.scalar_type() == at::kFloat ? adam_update_float : adam_update_bf16;
  const auto* gradients = static_cast<const char*>(source.const_data_ptr());
  const auto width = static_cast<std::int64_t>(source.element_size());
  auto* targets = values.mutable_data_ptr<float>();
  auto* exp_avgs = exp_avg.mutable_data_ptr<float>();
  auto* exp_avg_sqs = exp_avg_sq.mutable_data_ptr<float>();
  at::parallel_for(0, values.numel(), kGrain, [&](std::int64_t begin, std::int64_t end) {
    kernel(targets + begin, gradients + begin * width, exp_avgs + begin, exp_avg_sqs + begin, end - begin, step);
  });
}

}  // namespace trireme
