#include "kernels/adam_kernel.h"

#include <bit>
#include <cmath>

#include "kernels/target_clones.h"

namespace trireme {
namespace {

template <typename Gradient, typename Load>
inline __attribute__((always_inline)) void adam_update(float* __restrict values, const void* gradients,
                                                       float* __restrict exp_avgs, float* __restrict exp_avg_sqs,
                                                       std::int64_t elements, const AdamStep step, Load load) {
  const auto* __restrict source = static_cast<const Gradient*>(gradients);
  const float fresh1 = 1 - step.beta1;
  const float fresh2 = 1 - step.beta2;
  for (std::int64_t i = 0; i < elements; ++i) {
    const float gradient = load(source[i]) * step.gradient_scale + step.l2 * values[i];
    const float exp_avg = step.beta1 * exp_avgs[i] + fresh1 * gradient;
    const float exp_avg_sq = step.beta2 * exp_avg_sqs[i] + fresh2 * gradient * gradient;
    exp_avgs[i] = exp_avg;
    exp_avg_sqs[i] = exp_avg_sq;
    values[i] = step.keep * values[i] - step.rate * exp_avg / (std::sqrt(exp_avg_sq) * step.root_scale + step.epsilon);
  }
}

}  // namespace

TRIREME_TARGET_CLONES void adam_update_float(float* values, const void* gradients, float* exp_avgs, float* exp_avg_sqs,
                                             std::int64_t elements, const AdamStep& step) {
  adam_update<float>(values, gradients, exp_avgs, exp_avg_sqs, elements, step, [](float value) { return value; });
}

TRIREME_TARGET_CLONES void adam_update_bf16(float* values, const void* gradients, float* exp_avgs, float* exp_avg_sqs,
                                            std::int64_t elements, const AdamStep& step) {
  adam_update<std::uint16_t>(values, gradients, exp_avgs, exp_avg_sqs, elements, step, [](std::uint16_t bits) {
    return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
  });
}

}  // namespace trireme
