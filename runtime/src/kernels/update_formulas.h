#pragma once

// The arithmetic of one element's update, for each optimizer: the one place that knows it, compiled for the CPU
// (update_kernels.cc) and for CUDA (cuda/update_kernels.cu).
//
// Every operation is rounded once, in the order written (no contraction to fused multiply-add), so results depend
// neither on how a tensor is cut nor on the instruction set.
//
// A step holds one update's numbers, the same for all elements. apply() gets the gradient as it was summed, the value,
// and up to two elements of state; what the constants say is read and written, the rest is left alone.

#if defined(__CUDACC__)
#define TRIREME_FORMULA __host__ __device__ __forceinline__
#elif defined(__GNUC__)
#define TRIREME_FORMULA inline __attribute__((always_inline))
#else
#define TRIREME_FORMULA inline
#endif

#include <cmath>

namespace trireme {

// Stochastic gradient descent without momentum: value = keep * value - rate * g, g = scale * gradient + l2 * value.
struct SgdStep {
  static constexpr int kStates = 0;
  static constexpr bool kReadsGradient = true;
  static constexpr bool kWritesValue = true;
  float gradient_scale = 1;
  float l2 = 0;  // weight decay, added to the gradient
  float rate = 1e-2F;

  TRIREME_FORMULA void apply(float gradient, float& value, float&, float&) const {
    value = value - rate * (gradient * gradient_scale + l2 * value);
  }
};

// With momentum, as torch.optim.SGD defines it (Nesterov's: Sutskever et al., ICML 2013):
//   buffer = momentum * buffer + g;  value = value - rate * (nesterov ? g + momentum * buffer : buffer)
struct MomentumStep {
  static constexpr int kStates = 1;
  static constexpr bool kReadsGradient = true;
  static constexpr bool kWritesValue = true;
  float gradient_scale = 1;
  float l2 = 0;
  float rate = 1e-2F;
  float momentum = 0.9F;
  float fresh = 0;  // Nesterov: 1; else 0
  float kept = 1;   // Nesterov: momentum; else 1

  TRIREME_FORMULA void apply(float gradient, float& value, float& buffer, float&) const {
    const float g = gradient * gradient_scale + l2 * value;
    buffer = momentum * buffer + g;
    value = value - rate * (fresh * g + kept * buffer);
  }
};

// Adam (arXiv:1412.6980), with decoupled decay AdamW (arXiv:1711.05101). With g = scale * gradient + l2 * value:
//   exp_avg = beta1 * exp_avg + (1 - beta1) * g;  exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * g * g
//   value = keep * value - rate * exp_avg / (sqrt(exp_avg_sq) * root_scale + epsilon)
struct AdamStep {
  static constexpr int kStates = 2;
  static constexpr bool kReadsGradient = true;
  static constexpr bool kWritesValue = true;
  float gradient_scale = 1;  // clipping, unscaling
  float keep = 1;            // 1 - learning_rate * weight_decay, where decay is decoupled
  float l2 = 0;              // weight decay that is added to the gradient instead
  float beta1 = 0.9F;
  float beta2 = 0.999F;
  float rate = 1e-3F;    // learning_rate / (1 - beta1^t)
  float root_scale = 1;  // 1 / sqrt(1 - beta2^t)
  float epsilon = 1e-8F;

  TRIREME_FORMULA void apply(float gradient, float& value, float& exp_avg, float& exp_avg_sq) const {
    const float g = gradient * gradient_scale + l2 * value;
    exp_avg = beta1 * exp_avg + (1 - beta1) * g;
    exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * g * g;
    value = keep * value - rate * exp_avg / (std::sqrt(exp_avg_sq) * root_scale + epsilon);
  }
};

// Lion (arXiv:2302.06675, Program 1): value moves by the sign of an average of momentum and gradient.
struct LionStep {
  static constexpr int kStates = 1;
  static constexpr bool kReadsGradient = true;
  static constexpr bool kWritesValue = true;
  float gradient_scale = 1;
  float keep = 1;  // 1 - learning_rate * weight_decay
  float rate = 1e-4F;
  float beta1 = 0.9F;   // of the direction
  float beta2 = 0.99F;  // of the momentum

  TRIREME_FORMULA void apply(float gradient, float& value, float& momentum, float&) const {
    const float g = gradient * gradient_scale;
    const float direction = beta1 * momentum + (1 - beta1) * g;
    const float up = direction > 0 ? rate : 0.0F;
    const float down = direction < 0 ? rate : 0.0F;
    value = keep * value - (up - down);
    momentum = beta2 * momentum + (1 - beta2) * g;
  }
};

// The first half of LAMB (arXiv:1904.00962, Algorithm 2): Adam's moments.
struct LambMoments {
  static constexpr int kStates = 2;
  static constexpr bool kReadsGradient = true;
  static constexpr bool kWritesValue = false;
  float gradient_scale = 1;
  float beta1 = 0.9F;
  float beta2 = 0.999F;

  TRIREME_FORMULA void apply(float gradient, float&, float& exp_avg, float& exp_avg_sq) const {
    const float g = gradient * gradient_scale;
    exp_avg = beta1 * exp_avg + (1 - beta1) * g;
    exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * g * g;
  }
};

// Where LAMB goes from there. The length of the whole parameter's direction decides how far (LambStep).
struct LambDirection {
  float exp_avg_scale = 1;  // 1 / (1 - beta1^t)
  float root_scale = 1;     // 1 / sqrt(1 - beta2^t)
  float epsilon = 1e-6F;
  float weight_decay = 0;

  TRIREME_FORMULA float of(float value, float exp_avg, float exp_avg_sq) const {
    return exp_avg_scale * exp_avg / (std::sqrt(exp_avg_sq) * root_scale + epsilon) + weight_decay * value;
  }
};

// The second half: value = value - rate * direction, where rate has the trust ratio in it.
struct LambStep {
  static constexpr int kStates = 2;
  static constexpr bool kReadsGradient = false;
  static constexpr bool kWritesValue = true;
  LambDirection direction = {};
  float rate = 1e-3F;

  TRIREME_FORMULA void apply(float, float& value, float& exp_avg, float& exp_avg_sq) const {
    value = value - rate * direction.of(value, exp_avg, exp_avg_sq);
  }
};

// The first part of Muon: momentum, and the direction whose matrix is made orthogonal next.
//   momentum = beta * momentum + (1 - beta) * g;  direction = fresh * g + kept * momentum
struct MuonMomentum {
  static constexpr int kStates = 2;
  static constexpr bool kReadsGradient = true;
  static constexpr bool kWritesValue = false;
  float gradient_scale = 1;
  float beta = 0.95F;
  float fresh = 0.05F;  // Nesterov: 1 - beta; else 0
  float kept = 0.95F;   // Nesterov: beta; else 1

  TRIREME_FORMULA void apply(float gradient, float&, float& momentum, float& direction) const {
    const float g = gradient * gradient_scale;
    momentum = beta * momentum + (1 - beta) * g;
    direction = fresh * g + kept * momentum;
  }
};

// value = keep * value - rate * direction, the direction being state. Muon's last part.
struct DirectionStep {
  static constexpr int kStates = 1;
  static constexpr bool kReadsGradient = false;
  static constexpr bool kWritesValue = true;
  float keep = 1;
  float rate = 1e-2F;

  TRIREME_FORMULA void apply(float, float& value, float& direction, float&) const {
    value = keep * value - rate * direction;
  }
};

// The value is an average that follows a parameter, which is the state: average = decay * average + (1 - decay) * it.
struct AverageStep {
  static constexpr int kStates = 1;
  static constexpr bool kReadsGradient = false;
  static constexpr bool kWritesValue = true;
  float decay = 0.999F;
  float fresh = 0.001F;

  TRIREME_FORMULA void apply(float, float& average, float& parameter, float&) const {
    average = decay * average + fresh * parameter;
  }
};

}  // namespace trireme
