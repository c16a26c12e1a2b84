#include <torch/torch.h>

#include <algorithm>

#include "training/element_adamw.h"
#include "training/trial.h"

namespace trireme::test {
namespace {

using Tensors = std::vector<at::Tensor>;

// Every trainable parameter once.
Tensors trainable(const torch::nn::Module& module) {
  Tensors result;
  for (const auto& parameter : module.parameters()) {
    const auto is_same = [&](const at::Tensor& other) { return other.is_same(parameter); };
    if (parameter.requires_grad() && std::none_of(result.begin(), result.end(), is_same)) result.push_back(parameter);
  }
  return result;
}

// As Precision says, without Trireme. The result is what an optimizer changes: parameters or their masters.
Tensors convert(TrialNet& model, const Tensors& trained, Precision precision) {
  torch::NoGradGuard no_grad;
  if (precision == Precision::kFloat32) return trained;
  Tensors masters;
  for (const auto& parameter : trained) masters.push_back(parameter.detach().clone());
  for (auto& item : model.named_parameters()) {
    if (!stays_float32(item.key())) item.value().set_data(item.value().detach().to(dtype_of(precision)));
  }
  return masters;
}

// Rounds masters into the model.
void publish(const Tensors& masters, const Tensors& parameters) {
  torch::NoGradGuard no_grad;
  for (std::size_t i = 0; i < masters.size(); ++i) {
    if (!masters[i].is_same(parameters[i])) parameters[i].detach().copy_(masters[i]);
  }
}

Tensors copies_of_buffers(const torch::nn::Module& module) {
  Tensors result;
  for (const auto& buffer : module.buffers()) result.push_back(buffer.clone());
  return result;
}

void set_buffers(const torch::nn::Module& module, const Tensors& values) {
  const auto buffers = module.buffers();
  for (std::size_t i = 0; i < buffers.size(); ++i) buffers[i].copy_(values[i]);
}

// Sums of one parameter's gradients are of `dtype`; what is undefined is left out, and so is a sum of nothing.

// As communicators do: in float32, rounded once.
at::Tensor sum_of_group(const Tensors& gradients, at::ScalarType dtype) {
  at::Tensor sum;
  for (const auto& gradient : gradients) {
    if (!gradient.defined()) continue;
    const auto value = gradient.to(dtype).to(at::kFloat);
    sum = sum.defined() ? sum + value : value;
  }
  return sum.defined() ? sum.to(dtype) : sum;
}

// The ranks of each node first.
at::Tensor sum_of_ranks(const Tensors& by_rank, int ranks_per_node, at::ScalarType dtype) {
  if (ranks_per_node == 0) return sum_of_group(by_rank, dtype);
  Tensors by_node;
  for (auto first = by_rank.begin(); first < by_rank.end(); first += ranks_per_node) {
    by_node.push_back(sum_of_group({first, first + ranks_per_node}, dtype));
  }
  return sum_of_group(by_node, dtype);
}

// As accumulation does: rounded each time.
at::Tensor sum_of_passes(const Tensors& gradients, at::ScalarType dtype) {
  at::Tensor sum;
  for (const auto& gradient : gradients) {
    if (!gradient.defined()) continue;
    if (sum.defined()) {
      sum.add_(gradient);
    } else {
      sum = gradient.to(dtype).clone();
    }
  }
  return sum;
}

// One rank's gradients of one pass, and its part of the loss.
Tensors gradients_of(TrialNet& model, const Tensors& parameters, const Batch& batch, bool uses_gate, double loss_scale,
                     double& loss_sum) {
  Tensors gradients(parameters.size());
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

// Gradients of one step, by rank and pass; undefined where there is none.
struct StepGradients {
  std::vector<std::vector<Tensors>> by_rank_and_pass;
  double loss_sum = 0;
};

// Leaves the model with rank 0's buffers.
StepGradients gradients_of_step(TrialNet& model, const Tensors& parameters, const Trial& trial, std::int64_t step,
                                double loss_scale) {
  StepGradients result;
  Tensors buffers;
  for (int rank = 0; rank < trial.ranks; ++rank) {
    const auto batch = share_of_batch(trial, step, rank);
    auto& by_pass = result.by_rank_and_pass.emplace_back();
    for (const auto& pass : passes(trial, batch.samples)) {
      by_pass.push_back(
          gradients_of(model, parameters, rows_of(batch, pass), trial.gate(step, rank), loss_scale, result.loss_sum));
    }
    if (rank == 0) buffers = copies_of_buffers(model);
  }
  set_buffers(model, buffers);
  return result;
}

// Of one parameter.
at::Tensor sum_over_step(const StepGradients& step, std::size_t parameter, const Trial& trial, at::ScalarType dtype) {
  const auto& by_rank = step.by_rank_and_pass;
  const auto passes = by_rank.front().size();
  const bool ranks_keep_gradients = trial.zero <= Zero::kOptimizer;
  Tensors sums;
  if (ranks_keep_gradients) {
    for (const auto& by_pass : by_rank) {
      Tensors gradients;
      for (const auto& pass : by_pass) gradients.push_back(pass[parameter]);
      sums.push_back(sum_of_passes(gradients, dtype));
    }
    return sum_of_ranks(sums, trial.ranks_per_node, dtype);
  }
  for (std::size_t pass = 0; pass < passes; ++pass) {
    Tensors gradients;
    for (const auto& by_pass : by_rank) gradients.push_back(by_pass[pass][parameter]);
    sums.push_back(sum_of_ranks(gradients, trial.ranks_per_node, dtype));
  }
  return sum_of_passes(sums, dtype);
}

Tensors sum_gradients(const StepGradients& step, const Tensors& parameters, const Trial& trial) {
  torch::NoGradGuard no_grad;
  Tensors sums;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const auto dtype = trial.reduce_dtype ? dtype_of(*trial.reduce_dtype) : parameters[i].scalar_type();
    sums.push_back(sum_over_step(step, i, trial, dtype));
  }
  return sums;
}

// With masters in place of the parameters that have one.
std::map<std::string, at::Tensor> copies(const TrialNet& model, const Tensors& parameters, const Tensors& masters) {
  std::map<std::string, at::Tensor> result;
  for (const auto& item : model.named_buffers()) result[item.key()] = item.value().clone();
  for (const auto& item : model.named_parameters()) {
    result[item.key()] = item.value().detach().clone();
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      if (item.value().is_same(parameters[i])) result[item.key()] = masters[i].detach().clone();
    }
  }
  return result;
}

}  // namespace

TrialResult train_rank_by_rank(const Trial& trial) {
  const auto model = make_net(trial.net);
  const auto parameters = trainable(*model);
  const auto masters = convert(*model, parameters, trial.precision);
  ElementAdamW optimizer(masters, adamw_options(trial));
  double loss_scale = trial.loss_scale.initial;
  TrialResult result;
  for (std::int64_t step = 0; step < trial.steps; ++step) {
    const auto gradients = gradients_of_step(*model, parameters, trial, step, loss_scale);
    const auto sums = sum_gradients(gradients, parameters, trial);
    if (!optimizer.step(sums, trial.clip_norm, loss_scale)) loss_scale *= trial.loss_scale.backoff;
    publish(masters, parameters);
    result.losses.push_back(gradients.loss_sum / static_cast<double>(trial.rows));
  }
  result.parameters = copies(*model, parameters, masters);
  return result;
}

}  // namespace trireme::test
