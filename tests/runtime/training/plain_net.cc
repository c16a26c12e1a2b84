#include "training/plain_net.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>

#include "training/thread_context.h"
#include "trireme/base/message.h"

namespace trireme::test {

PlainNet::PlainNet() {
  torch::NoGradGuard no_grad;
  double seed = 1;
  const auto add = [&](const char* name, at::IntArrayRef shape) {
    const auto values = (at::arange(c10::multiply_integers(shape), at::kFloat) * 0.7 + seed++).sin();
    register_parameter(name, values.view(shape).clone());
  };
  add("tall", {7, 5});
  add("vector", {6});
  add("unused", {4});
  add("wide", {3, 11});
}

at::Tensor PlainNet::forward(std::int64_t step, int rank) {
  at::Tensor loss = at::zeros({});
  for (const auto& parameter : named_parameters()) {
    if (parameter.key() == "unused") continue;
    loss = loss + (parameter.value() * gradient_of(parameter.key(), parameter.value().sizes(), step, rank)).sum();
  }
  return loss;
}

at::Tensor gradient_of(const std::string& name, at::IntArrayRef shape, std::int64_t step, int rank) {
  const auto numbers = at::arange(c10::multiply_integers(shape), at::kLong);
  const auto salt = static_cast<std::int64_t>(name.size()) + 3 * step + 5 * rank;
  return ((numbers * (7 + salt) + salt * salt) % 23 - 11).to(at::kFloat).view(shape);
}

std::vector<PlainTrial> all_plain_trials() {
  std::vector<PlainTrial> trials;
  for (const int ranks : {1, 2, 3}) {
    trials.push_back({.ranks = ranks});
    for (const auto zero : {Zero::kOptimizer, Zero::kGradients, Zero::kParameters}) {
      trials.push_back({.ranks = ranks, .zero = zero});
      if (ranks > 1) trials.push_back({.ranks = ranks, .zero = zero, .sharing = Sharing::kOn});
    }
  }
  return trials;
}

std::string describe(const PlainTrial& trial) {
  return message("{} ranks, ZeRO {}{}", trial.ranks, static_cast<int>(trial.zero),
                 trial.sharing == Sharing::kOn ? ", shared" : "");
}

std::vector<NamedValues> train_plain_net(const PlainTrial& trial, const MakeOptimizer& make) {
  std::vector<NamedValues> results(static_cast<std::size_t>(trial.ranks));
  run_thread_contexts(trial.ranks, [&](TrainContext& context) {
    // Small buckets, so that there are several and parameters are cut.
    Parallel parallel(std::make_shared<PlainNet>(), context,
                      {.zero = trial.zero, .sharing = trial.sharing, .bucket_bytes = 160, .first_bucket_bytes = 40});
    const auto optimizer = make(parallel);
    for (std::int64_t step = 0; step < trial.steps; ++step) {
      parallel.zero_grad();
      parallel.backward(parallel(step, context.rank()), 1.0);
      optimizer->step();
    }
    auto& values = results[static_cast<std::size_t>(context.rank())];
    for (std::size_t i = 0; i < parallel.parameters().size(); ++i) {
      values[parallel.parameters()[i].name] = parallel.whole_parameter(i);
    }
  });
  return results;
}

PlainUpdate by_element(const std::function<void(float&, float, float&, float&, int)>& update) {
  return [update](at::Tensor& value, const at::Tensor& gradient, PlainState& state) {
    for (std::int64_t i = 0; i < value.numel(); ++i) {
      update(value.mutable_data_ptr<float>()[i], gradient.const_data_ptr<float>()[i],
             state.first.mutable_data_ptr<float>()[i], state.second.mutable_data_ptr<float>()[i], state.count);
    }
  };
}

NamedValues train_by_reference(const PlainTrial& trial, double clip_norm, const PlainUpdate& update) {
  PlainNet net;
  NamedValues values;
  std::map<std::string, PlainState> states;
  for (const auto& parameter : net.named_parameters()) {
    values[parameter.key()] = parameter.value().detach();
    states[parameter.key()] = {at::zeros_like(parameter.value()), at::zeros_like(parameter.value()), 0};
  }
  for (std::int64_t step = 0; step < trial.steps; ++step) {
    NamedValues gradients;
    double squares = 0;
    for (const auto& [name, value] : values) {
      if (name == "unused") continue;
      auto sum = at::zeros_like(value);
      for (int rank = 0; rank < trial.ranks; ++rank) sum += gradient_of(name, value.sizes(), step, rank);
      squares += sum.to(at::kDouble).square().sum().item<double>();
      gradients[name] = sum;
    }
    const double norm = std::sqrt(squares);
    const auto scale = static_cast<float>(clip_norm == 0 || norm <= clip_norm ? 1 : clip_norm / norm);
    for (auto& [name, gradient] : gradients) {
      ++states[name].count;
      update(values[name], gradient * scale, states[name]);
    }
  }
  return values;
}

double largest_difference(const NamedValues& a, const NamedValues& b) {
  double largest = 0;
  for (const auto& [name, value] : a) {
    largest = std::max(largest, (value - b.at(name)).abs().max().item<double>());
  }
  return largest;
}

}  // namespace trireme::test
