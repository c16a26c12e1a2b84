#include "training/odd_net.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <optional>

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

// Of a model whose trainable parameters may be sharded.
std::map<std::string, at::Tensor> copies(ParallelModule& parallel, const torch::nn::Module& module) {
  std::map<std::string, at::Tensor> result;
  for (std::size_t i = 0; i < parallel.parameters().size(); ++i) {
    result[parallel.parameters()[i].name] = parallel.whole_parameter(i);
  }
  for (const auto& item : module.named_parameters()) {
    if (!item.value().requires_grad()) result[item.key()] = item.value().detach().clone();
  }
  return result;
}

// AdamW and clipping written out element by element, without Trireme.
class PlainAdamW {
 public:
  // All float32.
  explicit PlainAdamW(std::vector<at::Tensor> parameters) : parameters_(std::move(parameters)) {
    for (const auto& parameter : parameters_) {
      const auto elements = static_cast<std::size_t>(parameter.numel());
      states_.push_back({std::vector<float>(elements), std::vector<float>(elements), 0});
    }
  }

  // False, and nothing changed, when a gradient is not finite. The gradients are `loss_scale` times too long.
  bool step(const std::vector<at::Tensor>& gradients, double clip_norm, double loss_scale) {
    double squares = 0;
    for (const auto& gradient : gradients) {
      if (gradient.defined()) squares += gradient.to(at::kDouble).square().sum().item<double>();
    }
    const double norm = std::sqrt(squares) / loss_scale;
    if (!std::isfinite(norm)) return false;
    const auto scale = static_cast<float>((norm > clip_norm ? clip_norm / norm : 1.0) * (1 / loss_scale));
    for (std::size_t i = 0; i < parameters_.size(); ++i) {
      if (gradients[i].defined()) update(i, gradients[i].contiguous().to(at::kFloat), scale);
    }
    return true;
  }

 private:
  struct State {
    std::vector<float> exp_avg, exp_avg_sq;
    int steps = 0;
  };

  void update(std::size_t i, const at::Tensor& gradient, float scale) {
    auto& [exp_avg, exp_avg_sq, steps] = states_[i];
    ++steps;
    const double decay = parameters_[i].dim() >= 2 ? kAdamW.weight_decay : 0;
    const auto keep = static_cast<float>(1 - kAdamW.learning_rate * decay);
    const auto rate = static_cast<float>(kAdamW.learning_rate / (1 - std::pow(kAdamW.beta1, steps)));
    const auto root = static_cast<float>(1 / std::sqrt(1 - std::pow(kAdamW.beta2, steps)));
    const auto beta1 = static_cast<float>(kAdamW.beta1);
    const auto beta2 = static_cast<float>(kAdamW.beta2);
    auto* value = parameters_[i].data_ptr<float>();
    const auto* gradients = gradient.const_data_ptr<float>();
    for (std::size_t k = 0; k < exp_avg.size(); ++k) {
      const float scaled = gradients[k] * scale;
      exp_avg[k] = beta1 * exp_avg[k] + (1 - beta1) * scaled;
      exp_avg_sq[k] = beta2 * exp_avg_sq[k] + (1 - beta2) * scaled * scaled;
      const float denominator = std::sqrt(exp_avg_sq[k]) * root + static_cast<float>(kAdamW.epsilon);
      value[k] = keep * value[k] - rate * exp_avg[k] / denominator;
    }
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

bool stays_float32(const std::string& name) { return name.find("norm") != std::string::npos; }

// As Precision says, without Trireme. The result is what an optimizer changes: parameters or their masters.
std::vector<at::Tensor> convert(OddNet& model, const std::vector<at::Tensor>& trained, Precision precision) {
  torch::NoGradGuard no_grad;
  if (precision == Precision::kFloat32) return trained;
  std::vector<at::Tensor> masters;
  for (const auto& parameter : trained) masters.push_back(parameter.detach().clone());
  for (auto& item : model.named_parameters()) {
    if (!stays_float32(item.key())) item.value().set_data(item.value().detach().to(dtype_of(precision)));
  }
  return masters;
}

// Rounds masters into the model.
void publish(const std::vector<at::Tensor>& masters, const std::vector<at::Tensor>& parameters) {
  torch::NoGradGuard no_grad;
  for (std::size_t i = 0; i < masters.size(); ++i) {
    if (!masters[i].is_same(parameters[i])) parameters[i].detach().copy_(masters[i]);
  }
}

// How defined gradients of one parameter are added up to one of `dtype`; undefined when there are none.
using Sum = at::Tensor (*)(const std::vector<at::Tensor>& gradients, at::ScalarType dtype);

// As communicators do: in float32, rounded once.
at::Tensor sum_of_ranks(const std::vector<at::Tensor>& gradients, at::ScalarType dtype) {
  at::Tensor sum;
  for (const auto& gradient : gradients) {
    const auto value = gradient.to(dtype).to(at::kFloat);
    sum = sum.defined() ? sum + value : value;
  }
  return sum.defined() ? sum.to(dtype) : sum;
}

// As accumulation does: rounded each time.
at::Tensor sum_of_passes(const std::vector<at::Tensor>& gradients, at::ScalarType dtype) {
  at::Tensor sum;
  for (const auto& gradient : gradients) {
    if (sum.defined()) {
      sum.add_(gradient);
    } else {
      sum = gradient.to(dtype).clone();
    }
  }
  return sum;
}

struct Pass {
  std::int64_t first = 0;
  std::int64_t rows = 0;
  bool is_last = false;
};

// A rank's rows of one step cut into trial.accumulation passes, some perhaps without rows.
std::vector<Pass> passes(const Trial& trial, std::int64_t rows) {
  std::vector<Pass> result;
  for (int pass = 0; pass < trial.accumulation; ++pass) {
    const auto first = rows * pass / trial.accumulation;
    result.push_back({first, rows * (pass + 1) / trial.accumulation - first, pass + 1 == trial.accumulation});
  }
  return result;
}

// One rank's gradients of one pass, and its part of the loss.
std::vector<at::Tensor> gradients_of(OddNet& model, const std::vector<at::Tensor>& parameters, const Batch& batch,
                                     bool uses_gate, double loss_scale, double& loss_sum) {
  std::vector<at::Tensor> gradients(parameters.size());
  if (batch.samples == 0) return gradients;
  const auto loss = model.forward(batch.inputs, batch.targets, uses_gate);
  loss_sum += loss.item<double>() * static_cast<double>(batch.samples);
  (loss * (static_cast<double>(batch.samples) / static_cast<double>(batch.global_samples) * loss_scale)).backward();
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    gradients[i] = parameters[i].grad();
    parameters[i].mutable_grad() = at::Tensor();
  }
  return gradients;
}

Batch rows_of(const Batch& batch, const Pass& pass) {
  return {batch.inputs.narrow(0, pass.first, pass.rows), batch.targets.narrow(0, pass.first, pass.rows), pass.rows,
          batch.global_samples};
}

// Gradients of one step, by rank and pass: gradient[parameter], undefined where there is none.
using Gradients = std::vector<at::Tensor>;
struct StepGradients {
  std::vector<std::vector<Gradients>> by_rank_and_pass;
  double loss_sum = 0;
};

StepGradients gradients_of_step(OddNet& model, const std::vector<at::Tensor>& parameters, const Trial& trial,
                                std::int64_t step, double loss_scale) {
  StepGradients result;
  for (int rank = 0; rank < trial.ranks; ++rank) {
    const auto batch = share_of_batch(trial, step, rank);
    auto& by_pass = result.by_rank_and_pass.emplace_back();
    for (const auto& pass : passes(trial, batch.samples)) {
      by_pass.push_back(
          gradients_of(model, parameters, rows_of(batch, pass), trial.gate(step, rank), loss_scale, result.loss_sum));
    }
  }
  return result;
}

// The sum of get(outer, inner) over both, inner ones first.
template <typename Get>
at::Tensor nested_sum(std::size_t outers, Sum outer, std::size_t inners, Sum inner, at::ScalarType dtype, Get get) {
  std::vector<at::Tensor> sums;
  for (std::size_t i = 0; i < outers; ++i) {
    std::vector<at::Tensor> gradients;
    for (std::size_t k = 0; k < inners; ++k) {
      if (get(i, k).defined()) gradients.push_back(get(i, k));
    }
    if (const auto sum = inner(gradients, dtype); sum.defined()) sums.push_back(sum);
  }
  return outer(sums, dtype);
}

Gradients sum_gradients(const StepGradients& step, const std::vector<at::Tensor>& parameters, const Trial& trial) {
  torch::NoGradGuard no_grad;
  const auto& by_rank = step.by_rank_and_pass;
  const auto ranks = by_rank.size();
  const auto passes = by_rank.front().size();
  Gradients sums;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const auto dtype = trial.reduce_dtype ? dtype_of(*trial.reduce_dtype) : parameters[i].scalar_type();
    const auto get = [&](std::size_t rank, std::size_t pass) { return by_rank[rank][pass][i]; };
    const auto get_by_pass = [&](std::size_t pass, std::size_t rank) { return get(rank, pass); };
    sums.push_back(trial.zero <= Zero::kOptimizer
                       ? nested_sum(ranks, sum_of_ranks, passes, sum_of_passes, dtype, get)
                       : nested_sum(passes, sum_of_passes, ranks, sum_of_ranks, dtype, get_by_pass));
  }
  return sums;
}

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
  fill_all(*this);
  for (auto& parameter : frozen_->parameters()) parameter.requires_grad_(false);
}

at::Tensor OddNet::forward(const at::Tensor& inputs, const at::Tensor& targets, bool uses_gate) {
  auto x = second_(first_(frozen_(at::embedding(embedding_, inputs))));
  // A unit that not all ranks use: under Zero::kParameters all of them must run it all the same.
  const auto gate = gate_(x);
  if (uses_gate) x = x * at::sigmoid(gate);
  const auto logits = at::matmul(x, embedding_.t());
  return at::cross_entropy_loss(logits.reshape({-1, kTokens}).to(at::kFloat), targets.reshape({-1}));
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
  Parallel parallel(std::make_shared<OddNet>(), context,
                    {.zero = trial.zero,
                     .sharing = trial.sharing,
                     .precision = trial.precision,
                     .keep_float32 = stays_float32,
                     .reduce_dtype = trial.reduce_dtype,
                     .loss_scale = trial.loss_scale,
                     .bucket_bytes = 400,
                     .first_bucket_bytes = 100,
                     .timeout = trial.timeout});
  auto options = kAdamW;
  options.clip_norm = trial.clip_norm;
  AdamW optimizer(parallel, options);
  OddBatches batches(trial, context.rank());
  TrialResult result;
  for (auto& step : steps(context, parallel, optimizer, batches, {.until = trial.steps})) {
    for (const auto& pass : passes(trial, step.batch().samples)) {
      std::optional<ParallelModule::NoSync> guard;
      if (!pass.is_last) guard.emplace(parallel);
      const auto rows = rows_of(step.batch(), pass);
      step.backward(parallel(rows.inputs, rows.targets, trial.gate(step.index(), context.rank())), rows.samples);
    }
    result.losses.push_back(step.update().loss);
  }
  result.parameters = copies(parallel, *parallel.module());
  return result;
}

TrialResult train_rank_by_rank(const Trial& trial) {
  OddNet model;
  const auto parameters = trainable(model);
  const auto masters = convert(model, parameters, trial.precision);
  PlainAdamW optimizer(masters);
  double loss_scale = trial.loss_scale.initial;
  TrialResult result;
  for (std::int64_t step = 0; step < trial.steps; ++step) {
    const auto gradients = gradients_of_step(model, parameters, trial, step, loss_scale);
    const auto sums = sum_gradients(gradients, parameters, trial);
    if (!optimizer.step(sums, trial.clip_norm, loss_scale)) loss_scale *= trial.loss_scale.backoff;
    publish(masters, parameters);
    result.losses.push_back(gradients.loss_sum / static_cast<double>(trial.rows));
  }
  result.parameters = copies(model);
  for (auto& item : model.named_parameters()) {
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      if (item.value().is_same(parameters[i])) result.parameters[item.key()] = masters[i].detach().clone();
    }
  }
  return result;
}

std::string difference(const TrialResult& a, const TrialResult& b) {
  for (std::size_t i = 0; i < a.losses.size(); ++i) {
    if (i >= b.losses.size() || a.losses[i] != b.losses[i]) return message("loss of step {}: {}", i, a.losses[i]);
  }
  for (const auto& [name, tensor] : b.parameters) {
    if (!at::equal(tensor, a.parameters.at(name))) return "parameter " + name;
  }
  return a.losses.size() == b.losses.size() ? "" : "number of steps";
}

double largest_parameter_difference(const TrialResult& a, const TrialResult& b) {
  double largest = 0;
  for (const auto& [name, tensor] : b.parameters) {
    largest = std::max(largest, (tensor - a.parameters.at(name)).abs().max().item<double>());
  }
  return largest;
}

}  // namespace trireme::test
