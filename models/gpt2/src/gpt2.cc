#include "trireme/models/gpt2.h"

#include <torch/torch.h>

#include <cmath>
#include <string>

#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme {
namespace {

constexpr double kDeviation = 0.02;
constexpr double kNormEpsilon = 1e-5;

// Residual branches start smaller the deeper the model, so that the sum over layers keeps its scale.
double branch_deviation(const Gpt2Config& config) {
  return kDeviation / std::sqrt(2.0 * static_cast<double>(config.layers));
}

at::Tensor drop(const at::Tensor& x, double dropout, bool is_training) {
  return is_training && dropout > 0 ? at::dropout(x, dropout, /*train=*/true) : x;
}

// An embedding table under the name NAME.weight.
at::Tensor add_table(torch::nn::Module& parent, const std::string& name, std::int64_t rows, std::int64_t width) {
  auto holder = parent.register_module(name, std::make_shared<torch::nn::Module>(name));
  return holder->register_parameter("weight", torch::empty({rows, width}).normal_(0, kDeviation));
}

}  // namespace

Conv1dImpl::Conv1dImpl(std::int64_t in, std::int64_t out, double deviation)
    : weight_(register_parameter("weight", torch::empty({in, out}).normal_(0, deviation))),
      bias_(register_parameter("bias", torch::zeros({out}))) {}

at::Tensor Conv1dImpl::forward(const at::Tensor& x) const {
  const std::int64_t in = weight_.size(0);
  const std::int64_t out = weight_.size(1);
  return at::addmm(bias_, x.reshape({-1, in}), weight_).view({x.size(0), x.size(1), out});
}

LayerNormImpl::LayerNormImpl(std::int64_t width)
    : weight_(register_parameter("weight", torch::ones({width}))),
      bias_(register_parameter("bias", torch::zeros({width}))) {}

at::Tensor LayerNormImpl::forward(const at::Tensor& x) const {
  return at::layer_norm(x, {weight_.size(0)}, weight_, bias_, kNormEpsilon);
}

Gpt2AttentionImpl::Gpt2AttentionImpl(const Gpt2Config& config)
    : heads_(config.heads),
      dropout_(config.dropout),
      c_attn_(register_module("c_attn", Conv1d(config.width, 3 * config.width, kDeviation))),
      c_proj_(register_module("c_proj", Conv1d(config.width, config.width, branch_deviation(config)))) {}

at::Tensor Gpt2AttentionImpl::forward(const at::Tensor& x) {
  const std::int64_t rows = x.size(0);
  const std::int64_t length = x.size(1);
  const std::int64_t width = x.size(2);
  // [rows, length, 3, heads, head width] -> three of [rows, heads, length, head width], without a copy
  const auto parts = c_attn_(x).view({rows, length, 3, heads_, width / heads_}).permute({2, 0, 3, 1, 4}).unbind(0);
  const at::Tensor mixed = at::scaled_dot_product_attention(parts[0], parts[1], parts[2], /*attn_mask=*/{},
                                                            is_training() ? dropout_ : 0.0, /*is_causal=*/true);
  return drop(c_proj_(mixed.transpose(1, 2).reshape({rows, length, width})), dropout_, is_training());
}

Gpt2MlpImpl::Gpt2MlpImpl(const Gpt2Config& config)
    : dropout_(config.dropout),
      c_fc_(register_module("c_fc", Conv1d(config.width, 4 * config.width, kDeviation))),
      c_proj_(register_module("c_proj", Conv1d(4 * config.width, config.width, branch_deviation(config)))) {}

at::Tensor Gpt2MlpImpl::forward(const at::Tensor& x) {
  return drop(c_proj_(at::gelu(c_fc_(x), "tanh")), dropout_, is_training());
}

Gpt2BlockImpl::Gpt2BlockImpl(const Gpt2Config& config)
    : ln_1_(register_module("ln_1", LayerNorm(config.width))),
      attn_(register_module("attn", Gpt2Attention(config))),
      ln_2_(register_module("ln_2", LayerNorm(config.width))),
      mlp_(register_module("mlp", Gpt2Mlp(config))) {}

at::Tensor Gpt2BlockImpl::forward(const at::Tensor& x) {
  const at::Tensor attended = x + attn_(ln_1_(x));
  return attended + mlp_(ln_2_(attended));
}

Gpt2Impl::Gpt2Impl(const Gpt2Config& config) : config_(config) {
  config.check();
  auto transformer = register_module("transformer", std::make_shared<torch::nn::Module>("transformer"));
  wte_ = add_table(*transformer, "wte", config.vocabulary, config.width);
  wpe_ = add_table(*transformer, "wpe", config.positions, config.width);
  auto list = transformer->register_module("h", std::make_shared<torch::nn::Module>("h"));
  for (std::int64_t layer = 0; layer < config.layers; ++layer) {
    blocks_.push_back(list->register_module(std::to_string(layer), Unit<Gpt2Block>(config)));
  }
  ln_f_ = transformer->register_module("ln_f", LayerNorm(config.width));
}

at::Tensor Gpt2Impl::hidden(const at::Tensor& inputs) {
  const std::int64_t length = inputs.size(1);
  if (length > config_.positions) {
    throw ConfigError(message("a window of {} tokens, the model has {} positions", length, config_.positions));
  }
  at::Tensor x = at::embedding(wte_, inputs) + wpe_.narrow(0, 0, length);
  x = drop(x, config_.dropout, is_training());
  for (auto& block : blocks_) x = block(x);
  return ln_f_(x);
}

at::Tensor Gpt2Impl::logits(const at::Tensor& inputs) { return at::matmul(hidden(inputs), wte_.t()); }

at::Tensor Gpt2Impl::next_token_logits(const at::Tensor& inputs) {
  return at::matmul(hidden(inputs).select(1, -1), wte_.t());
}

at::Tensor Gpt2Impl::forward(const at::Tensor& inputs, const at::Tensor& targets) {
  const at::Tensor all = logits(inputs);
  // In float32 whatever the model computes in.
  return at::cross_entropy_loss(all.view({-1, config_.vocabulary}).to(at::kFloat), targets.reshape({-1}));
}

}  // namespace trireme
