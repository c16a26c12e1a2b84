#include "training/odd_net.h"

#include <torch/torch.h>

namespace trireme::test {
namespace {

constexpr std::int64_t kWidth = 7;
constexpr std::int64_t kHidden = 11;

}  // namespace

OddBlockImpl::OddBlockImpl(std::int64_t width, std::int64_t hidden)
    : in_(register_module("in", torch::nn::Linear(width, hidden))),
      out_(register_module("out", torch::nn::Linear(hidden, width))),
      norm_(register_module("norm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({hidden})))) {}

at::Tensor OddBlockImpl::forward(const at::Tensor& x) { return x + out_(at::gelu(norm_(in_(x)))); }

OddNet::OddNet() {
  embedding_ = register_parameter("embedding", at::empty({kTokens, kWidth}));
  first_ = register_module("first", Unit<OddBlock>(kWidth, kHidden));
  second_ = register_module("second", Unit<OddBlock>(kWidth, kHidden - 2));
  frozen_ = register_module("frozen", torch::nn::Linear(kWidth, kWidth));
  unused_ = register_module("unused", torch::nn::Linear(5, 3));
  gate_ = register_module("gate", Unit<torch::nn::Linear>(kWidth, kWidth));
  register_parameter("output", embedding_);
  fill_parameters(*this);
  for (auto& parameter : frozen_->parameters()) parameter.requires_grad_(false);
}

at::Tensor OddNet::forward(const at::Tensor& inputs, const at::Tensor& targets, bool uses_gate) {
  auto x = second_(disturbed(first_(frozen_(at::embedding(embedding_, inputs)))));
  // A unit that not all ranks use: under Zero::kParameters all of them must run it all the same.
  const auto gate = gate_(x);
  if (uses_gate) x = x * at::sigmoid(gate);
  const auto logits = at::matmul(x, embedding_.t());
  return at::cross_entropy_loss(logits.reshape({-1, kTokens}).to(at::kFloat), targets.reshape({-1}));
}

}  // namespace trireme::test
