#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <cstdint>
#include <vector>

#include "trireme/models/gpt2_config.h"
#include "trireme/runtime/unit.h"

namespace trireme {

// A linear layer as Hugging Face's GPT-2 keeps it: weight is [in, out].
class Conv1dImpl : public torch::nn::Module {
 public:
  Conv1dImpl(std::int64_t in, std::int64_t out, double deviation);
  [[nodiscard]] at::Tensor forward(const at::Tensor& x) const;

 private:
  at::Tensor weight_;
  at::Tensor bias_;
};
TORCH_MODULE(Conv1d);

class LayerNormImpl : public torch::nn::Module {
 public:
  explicit LayerNormImpl(std::int64_t width);
  [[nodiscard]] at::Tensor forward(const at::Tensor& x) const;

 private:
  at::Tensor weight_;
  at::Tensor bias_;
};
TORCH_MODULE(LayerNorm);

class Gpt2AttentionImpl : public torch::nn::Module {
 public:
  explicit Gpt2AttentionImpl(const Gpt2Config& config);
  [[nodiscard]] at::Tensor forward(const at::Tensor& x);  // x: [rows, length, width]

 private:
  std::int64_t heads_;
  double dropout_;
  Conv1d c_attn_;
  Conv1d c_proj_;
};
TORCH_MODULE(Gpt2Attention);

class Gpt2MlpImpl : public torch::nn::Module {
 public:
  explicit Gpt2MlpImpl(const Gpt2Config& config);
  [[nodiscard]] at::Tensor forward(const at::Tensor& x);

 private:
  double dropout_;
  Conv1d c_fc_;
  Conv1d c_proj_;
};
TORCH_MODULE(Gpt2Mlp);

class Gpt2BlockImpl : public torch::nn::Module {
 public:
  explicit Gpt2BlockImpl(const Gpt2Config& config);
  [[nodiscard]] at::Tensor forward(const at::Tensor& x);

 private:
  LayerNorm ln_1_;
  Gpt2Attention attn_;
  LayerNorm ln_2_;
  Gpt2Mlp mlp_;
};
TORCH_MODULE(Gpt2Block);

// GPT-2: pre-norm transformer with learned positions and an output layer tied to the token embedding.
//
// Parameters have Hugging Face's names ("transformer.h.0.attn.c_attn.weight") and shapes, and GPT-2's initial values
// drawn from torch's default generator. One thread.
class Gpt2Impl : public torch::nn::Module {
 public:
  // Throws ConfigError for a config that is not sound.
  explicit Gpt2Impl(const Gpt2Config& config);

  // Mean cross entropy over all tokens, in nats. inputs, targets: int64 [rows, length], length <= positions.
  [[nodiscard]] at::Tensor forward(const at::Tensor& inputs, const at::Tensor& targets);
  // [rows, length, vocabulary]
  [[nodiscard]] at::Tensor logits(const at::Tensor& inputs);
  // Of the token after the last one only: [rows, vocabulary].
  [[nodiscard]] at::Tensor next_token_logits(const at::Tensor& inputs);

  [[nodiscard]] const Gpt2Config& config() const noexcept { return config_; }

 private:
  [[nodiscard]] at::Tensor hidden(const at::Tensor& inputs);

  Gpt2Config config_;
  at::Tensor wte_;
  at::Tensor wpe_;
  std::vector<Unit<Gpt2Block>> blocks_;
  LayerNorm ln_f_ = nullptr;
};
TORCH_MODULE(Gpt2);

}  // namespace trireme
