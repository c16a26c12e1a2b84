#pragma once

#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>

#include "training/trial_net.h"
#include "trireme/runtime/unit.h"

namespace trireme::test {

// Two layers with a norm between them.
class OddBlockImpl : public torch::nn::Module {
 public:
  OddBlockImpl(std::int64_t width, std::int64_t hidden);
  at::Tensor forward(const at::Tensor& x);

 private:
  torch::nn::Linear in_{nullptr}, out_{nullptr};
  torch::nn::LayerNorm norm_{nullptr};
};
TORCH_MODULE(OddBlock);

// A model with everything that makes data parallelism hard: two blocks as units; a tied parameter (embedding and
// output), a frozen layer, a layer that is never used, and a gate that is used when asked for.
class OddNet final : public TrialNet {
 public:
  OddNet();
  at::Tensor forward(const at::Tensor& inputs, const at::Tensor& targets, bool uses_gate) override;

 private:
  at::Tensor embedding_;
  Unit<OddBlock> first_{nullptr}, second_{nullptr};
  torch::nn::Linear frozen_{nullptr}, unused_{nullptr};
  Unit<torch::nn::Linear> gate_{nullptr};
};

}  // namespace trireme::test
