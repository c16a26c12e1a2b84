#include "training/element_adamw.h"

#include <torch/torch.h>

#include <cmath>

namespace trireme::test {

ElementAdamW::ElementAdamW(std::vector<at::Tensor> parameters, const AdamWOptions& options)
    : parameters_(std::move(parameters)), options_(options) {
  for (const auto& parameter : parameters_) {
    const auto elements = static_cast<std::size_t>(parameter.numel());
    states_.push_back({std::vector<float>(elements), std::vector<float>(elements), 0});
  }
}

bool ElementAdamW::step(const std::vector<at::Tensor>& gradients, double clip_norm, double loss_scale) {
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

void ElementAdamW::update(std::size_t i, const at::Tensor& gradient, float scale) {
  auto& [exp_avg, exp_avg_sq, steps] = states_[i];
  ++steps;
  const double decay = parameters_[i].dim() >= 2 ? options_.weight_decay : 0;
  const auto keep = static_cast<float>(1 - options_.learning_rate * decay);
  const auto rate = static_cast<float>(options_.learning_rate / (1 - std::pow(options_.beta1, steps)));
  const auto root = static_cast<float>(1 / std::sqrt(1 - std::pow(options_.beta2, steps)));
  const auto beta1 = static_cast<float>(options_.beta1);
  const auto beta2 = static_cast<float>(options_.beta2);
  auto* value = parameters_[i].data_ptr<float>();
  const auto* gradients = gradient.const_data_ptr<float>();
  for (std::size_t k = 0; k < exp_avg.size(); ++k) {
    const float scaled = gradients[k] * scale;
    exp_avg[k] = beta1 * exp_avg[k] + (1 - beta1) * scaled;
    exp_avg_sq[k] = beta2 * exp_avg_sq[k] + (1 - beta2) * scaled * scaled;
    const float denominator = std::sqrt(exp_avg_sq[k]) * root + static_cast<float>(options_.epsilon);
    value[k] = keep * value[k] - rate * exp_avg[k] / denominator;
  }
}

}  // namespace trireme::test
