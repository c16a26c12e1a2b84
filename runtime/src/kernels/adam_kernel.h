#pragma once

#include <cstdint>

// Adam's update of consecutive elements in host memory (arXiv:1412.6980; decoupled decay: arXiv:1711.05101).
// No LibTorch; any thread.
namespace trireme {

// One step's numbers, the same for all elements.
struct AdamStep {
  float gradient_scale = 1;  // the gradient is multiplied with it first: clipping, unscaling
  float keep = 1;            // 1 - learning_rate * weight_decay, where decay is decoupled
  float l2 = 0;              // weight decay that is added to the gradient instead
  float beta1 = 0.9F;
  float beta2 = 0.999F;
  float rate = 1e-3F;    // learning_rate / (1 - beta1^t)
  float root_scale = 1;  // 1 / sqrt(1 - beta2^t)
  float epsilon = 1e-8F;
};

// With g = gradient * gradient_scale + l2 * value:
//   exp_avg = beta1 * exp_avg + (1 - beta1) * g;  exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * g * g
//   value = keep * value - rate * exp_avg / (sqrt(exp_avg_sq) * root_scale + epsilon)
// Every operation is rounded once, in this order, so results do not depend on how a tensor is cut. Gradients are float
// (_float) or bfloat16 (_bf16); the rest is float.
void adam_update_float(float* values, const void* gradients, float* exp_avgs, float* exp_avg_sqs, std::int64_t elements,
                       const AdamStep& step);
void adam_update_bf16(float* values, const void* gradients, float* exp_avgs, float* exp_avg_sqs, std::int64_t elements,
                      const AdamStep& step);

}  // namespace trireme
