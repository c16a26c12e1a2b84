#include "training/odd_net.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>

#include "trireme/base/message.h"
#include "trireme/runtime/adamw.h"

namespace trireme::test {
namespace {

constexpr std::int64_t kWidth = 7;
constexpr std::int64_t kHidden = 11;
constexpr std::int64_t kLength = 5;
const AdamWOptions kAdamW{.learning_rate = 1e-2, .weight_decay = 0.1};

// The same values on every machine and for every generator state.
void fill(at::Tensor& tensor, double seed) {
  tensor.copy_((at::arange(tensor.numel(), at::kFloat) * 0.7 + seed).sin().mul(0.5).view(tensor.sizes()));
}

void fill_all(torch::nn::Module& module) {
  torch::NoGradGuard no_grad;
  double seed = 1;
  for (auto& parameter : module.parameters()) fill(parameter, seed++);
}

std::int64_t token(std::int64_t step, std::int64_t row, std::int64_t position) {
  return (step * 31 + row * 17 + position * 7 + step * row) % OddNet::kTokens;
}

class OddBatches final : public BatchSource {
 public:
  OddBatches(const Trial& trial, int rank) : trial_(trial), rank_(rank) {}
  Batch next() override { return share_of_batch(trial_, step_++, rank_); }
  std::vector<TensorSlice> tensor_slices() override { return {}; }
  std::map<std::string, std::string> scalars() const override { return {{"batches.step", std::to_string(step_)}}; }
  void load_scalars(const std::map<std::string, std::string>& scalars) override {
    step_ = std::stoll(scalars.at("batches.step"));
  }

 private:
  const Trial& trial_;
  int rank_;
  std::int64_t step_ = 0;
};

std::map<std::string, at::Tensor> copies(const torch::nn::Module& module) {
  std::map<std::string, at::Tensor> result;
  for (const auto& item : module.named_parameters()) result[item.key()] = item.value().detach().clone();
  return result;
}

// AdamW and clipping written out for one list of tensors, without Trireme.
class PlainAdamW {
 public:
  explicit PlainAdamW(std::vector<at::Tensor> parameters) : parameters_(std::move(parameters)) {
    for (const auto& parameter : parameters_) {
      states_.push_back({at::zeros_like(parameter), at::zeros_like(parameter), at::zeros({}, at::kFloat)});
    }
  }

  void step(const std::vector<at::Tensor>& gradients, double clip_norm) {
    torch::NoGradGuard no_grad;
    double squares = 0;
    for (const auto& gradient : gradients) {
      if (gradient.defined()) squares += std::pow(at::_foreach_norm({gradient}, 2)[0].item<double>(), 2);
    }
    std::optional<at::Tensor> divisor;
    if (std::sqrt(squares) > clip_norm) divisor = at::scalar_tensor(std::sqrt(squares) / clip_norm, at::kFloat);
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
      if (gradients[i].defined()) update(i, gradients[i], divisor);
    }
  }

 private:
  struct State {
    at::Tensor exp_avg, exp_avg_sq, step;
  };

  void update(std::size_t i, const at::Tensor& gradient, const std::optional<at::Tensor>& divisor) {
    auto& [exp_avg, exp_avg_sq, step] = states_[i];
    step += 1;
    const double decay = parameters_[i].dim() >= 2 ? kAdamW.weight_decay : 0;
    at::_fused_adamw_({parameters_[i]}, {gradient}, {exp_avg}, {exp_avg_sq}, {}, {step}, kAdamW.learning_rate,
                      kAdamW.beta1, kAdamW.beta2, decay, kAdamW.epsilon, false, false, divisor);
  }

  std::vector<at::Tensor> parameters_;
  std::vector<State> states_;
};

// Every trainable parameter once.
std::vector<at::Tensor> trainable(const torch::nn::Module& module) {
  std::vector<at::Tensor> result;
  for (const auto& parameter : module.parameters()) {
    const auto is_same = [&](const at::Tensor& other) { return other.is_same(parameter); };
    if (parameter.requires_grad() && std::none_of(result.begin(), result.end(), is_same)) result.push_back(parameter);
  }
  return result;
}

// Adds the gradients of `parameters` to `sums` and clears them.
void add_gradients(const std::vector<at::Tensor>& parameters, std::vector<at::Tensor>& sums) {
  torch::NoGradGuard no_grad;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const auto gradient = parameters[i].grad();
    if (gradient.defined()) sums[i] = sums[i].defined() ? sums[i] + gradient : gradient.clone();
    parameters[i].mutable_grad() = at::Tensor();
  }
}

}  // namespace

OddNet::OddNet() {
  embedding_ = register_parameter("embedding", at::empty({kTokens, kWidth}));
  first_ = register_module("first", torch::nn::Linear(kWidth, kHidden));
  norm_ = register_module("norm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({kHidden})));
  second_ = register_module("second", torch::nn::Linear(kHidden, kWidth));
  frozen_ = register_module("frozen", torch::nn::Linear(kWidth, kWidth));
  unused_ = register_module("unused", torch::nn::Linear(5, 3));
  gate_ = register_module("gate", torch::nn::Linear(kWidth, kWidth));
  register_parameter("output", embedding_);
  fill_all(*this);
  for (auto& parameter : frozen_->parameters()) parameter.requires_grad_(false);
}

at::Tensor OddNet::forward(const at::Tensor& inputs, const at::Tensor& targets, bool uses_gate) {
  auto x = at::embedding(embedding_, inputs);
  x = x + second_(at::gelu(norm_(first_(frozen_(x)))));
  if (uses_gate) x = x * at::sigmoid(gate_(x));
  const auto logits = at::matmul(x, embedding_.t());
  return at::cross_entropy_loss(logits.reshape({-1, kTokens}), targets.reshape({-1}));
}

Batch share_of_batch(const Trial& trial, std::int64_t step, int rank) {
  const auto first = trial.rows * rank / trial.ranks;
  const auto last = trial.rows * (rank + 1) / trial.ranks;
  auto tokens = at::empty({last - first, kLength + 1}, at::kLong);
  for (auto row = first; row < last; ++row) {
    for (std::int64_t i = 0; i <= kLength; ++i) tokens[row - first][i] = token(step, row, i);
  }
  return {tokens.narrow(1, 0, kLength).contiguous(), tokens.narrow(1, 1, kLength).contiguous(), last - first,
          trial.rows};
}

TrialResult train_with_trireme(TrainContext& context, const Trial& trial) {
  // Small buckets, so that there are several.
  Parallel parallel(std::make_shared<OddNet>(), context, {.bucket_bytes = 400, .first_bucket_bytes = 100});
  auto options = kAdamW;
  options.clip_norm = trial.clip_norm;
  AdamW optimizer(parallel, options);
  OddBatches batches(trial, context.rank());
  TrialResult result;
  for (auto& step : steps(context, parallel, optimizer, batches, {.until = trial.steps})) {
    const auto& [inputs, targets, samples, all] = step.batch();
    step.backward(parallel(inputs, targets, trial.gate(step.index(), context.rank())));
    result.losses.push_back(step.update().loss);
  }
  result.parameters = copies(*parallel.module());
  return result;
}

TrialResult train_rank_by_rank(const Trial& trial) {
  OddNet model;
  const auto parameters = trainable(model);
  PlainAdamW optimizer(parameters);
  TrialResult result;
  for (std::int64_t step = 0; step < trial.steps; ++step) {
    std::vector<at::Tensor> sums(parameters.size());
    double loss_sum = 0;
    for (int rank = 0; rank < trial.ranks; ++rank) {
      const auto batch = share_of_batch(trial, step, rank);
      if (batch.samples == 0) continue;
      const auto loss = model.forward(batch.inputs, batch.targets, trial.gate(step, rank));
      loss_sum += loss.item<double>() * static_cast<double>(batch.samples);
      (loss * (static_cast<double>(batch.samples) / static_cast<double>(trial.rows))).backward();
      add_gradients(parameters, sums);
    }
    optimizer.step(sums, trial.clip_norm);
    result.losses.push_back(loss_sum / static_cast<double>(trial.rows));
  }
  result.parameters = copies(model);
  return result;
}

std::string difference(const TrialResult& a, const TrialResult& b) {
  for (std::size_t i = 0; i < a.losses.size(); ++i) {
    if (i >= b.losses.size() || a.losses[i] != b.losses[i]) return message("loss of step {}: {}", i, a.losses[i]);
  }
  for (const auto& [name, tensor] : a.parameters) {
    if (!at::equal(tensor, b.parameters.at(name))) return "parameter " + name;
  }
  return a.losses.size() == b.losses.size() ? "" : "number of steps";
}

double largest_parameter_difference(const TrialResult& a, const TrialResult& b) {
  double largest = 0;
  for (const auto& [name, tensor] : a.parameters) {
    largest = std::max(largest, (tensor - b.parameters.at(name)).abs().max().item<double>());
  }
  return largest;
}

}  // namespace trireme::test
