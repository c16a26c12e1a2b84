#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "trireme/runtime/adamw.h"

namespace trireme::test {

// AdamW and clipping written out element by element, without Trireme.
class ElementAdamW {
 public:
  // `parameters`: float32, contiguous; changed in place.
  ElementAdamW(std::vector<at::Tensor> parameters, const AdamWOptions& options);

  // False, and nothing changed, when a gradient is not finite. The gradients (undefined: skipped) are `loss_scale`
  // times too long.
  bool step(const std::vector<at::Tensor>& gradients, double clip_norm, double loss_scale);

 private:
  struct State {
    std::vector<float> exp_avg, exp_avg_sq;
    int steps = 0;
  };
  void update(std::size_t i, const at::Tensor& gradient, float scale);

  std::vector<at::Tensor> parameters_;
  std::vector<State> states_;
  AdamWOptions options_;
};

}  // namespace trireme::test
