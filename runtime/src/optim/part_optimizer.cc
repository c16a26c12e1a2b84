#include "trireme/runtime/part_optimizer.h"

#include <torch/torch.h>

#include <cmath>
#include <utility>

#include "optim/read_count.h"
#include "optim/require_option.h"
#include "trireme/base/message.h"

namespace trireme {
namespace {

// What is kept of a part.
struct PartState {
  std::vector<at::Tensor> tensors;
  std::vector<std::string> names;
  at::Tensor step;  // updates of the parameter; a float scalar, as checkpoints have it
};

void check(const PartOptimizerOptions& options) {
  const auto& name = options.name;
  require_option(options.learning_rate >= 0, name, "learning_rate", options.learning_rate, "0 or more");
  require_option(options.weight_decay >= 0, name, "weight_decay", options.weight_decay, "0 or more");
  require_option(options.clip_norm >= 0, name, "clip_norm", options.clip_norm, "0 (off) or more");
}

std::vector<ParameterShape> shapes_of(const std::vector<NamedParameter>& parameters) {
  std::vector<ParameterShape> shapes;
  for (const auto& [name, tensor] : parameters) shapes.push_back({name, tensor.dim()});
  return shapes;
}

}  // namespace

struct PartOptimizer::State {
  State(ParallelModule& wrapped, std::unique_ptr<UpdateRule> update_rule, PartOptimizerOptions wishes)
      : parallel(wrapped), rule(std::move(update_rule)), options(std::move(wishes)) {
    check(options);
    settings =
        settle_groups(shapes_of(parallel.parameters()), options.groups, {options.weight_decay, options.decay_vectors});
    for (const auto& part : parallel.parts()) {
      auto& state = states.emplace_back();
      state.names = rule->state_names(parallel.parameters()[part.parameter]);
      for (std::size_t i = 0; i < state.names.size(); ++i) {
        state.tensors.push_back(at::zeros_like(part.values, at::kFloat));
      }
      state.step = at::zeros({}, at::kFloat);
    }
  }

  [[nodiscard]] double rate() const { return options.schedule ? options.schedule(updates) : options.learning_rate; }
  // What gradients are multiplied with to have norm clip_norm, when they are longer.
  [[nodiscard]] double clip_scale(double norm) const {
    return options.clip_norm == 0 || norm <= options.clip_norm ? 1.0 : options.clip_norm / norm;
  }
  // Counts the updates of all parts that have a gradient.
  [[nodiscard]] std::vector<PartUpdate> begin_updates(double learning_rate, double gradient_scale);
  [[nodiscard]] std::string updates_key() const { return options.name + ".updates"; }

  ParallelModule& parallel;
  const std::unique_ptr<UpdateRule> rule;
  const PartOptimizerOptions options;
  std::vector<ParameterSettings> settings;  // by parameter
  std::vector<PartState> states;            // in the order of parallel.parts()
  std::int64_t updates = 0;
};

std::vector<PartUpdate> PartOptimizer::State::begin_updates(double learning_rate, double gradient_scale) {
  std::vector<PartUpdate> result;
  for (std::size_t i = 0; i < states.size(); ++i) {
    const auto& part = parallel.parts()[i];
    if (!part.gradient.defined()) continue;
    const auto& own = settings[part.parameter];
    const auto count = static_cast<std::int64_t>(*states[i].step.mutable_data_ptr<float>() += 1);
    result.push_back({.index = i,
                      .part = &part,
                      .state = states[i].tensors,
                      .count = count,
                      .learning_rate = learning_rate * own.rate_scale,
                      .weight_decay = own.weight_decay,
                      .gradient_scale = gradient_scale});
  }
  return result;
}

PartOptimizer::PartOptimizer(ParallelModule& parallel, std::unique_ptr<UpdateRule> rule, PartOptimizerOptions options)
    : state_(std::make_unique<State>(parallel, std::move(rule), std::move(options))) {}

PartOptimizer::~PartOptimizer() = default;

UpdateReport PartOptimizer::step() {
  at::NoGradGuard no_grad;
  auto& state = *state_;
  UpdateReport report;
  report.learning_rate = state.rate();
  report.gradient_norm = state.parallel.gradient_norm();
  ++state.updates;
  if (!std::isfinite(report.gradient_norm)) {
    report.skipped = true;
    report.reason = state.parallel.explain_nonfinite_gradient();
    return report;
  }
  const auto updates = state.begin_updates(report.learning_rate,
                                           state.clip_scale(report.gradient_norm) * state.parallel.gradient_scale());
  state.rule->prepare(updates);
  // Buckets come one by one, with the parts in order, so that what was written of one travels while the next is
  // written.
  auto rest = std::span(updates);
  state.parallel.update_together([&](std::size_t parts) {
    state.rule->update(rest.first(parts));
    rest = rest.subspan(parts);
  });
  return report;
}

std::int64_t PartOptimizer::updates() const noexcept { return state_->updates; }
int PartOptimizer::state_tensors() const {
  const auto& parameters = state_->parallel.parameters();
  return parameters.empty() ? 0 : static_cast<int>(state_->rule->state_names(parameters.front()).size());
}
double PartOptimizer::learning_rate() const { return state_->rate(); }

std::vector<TensorSlice> PartOptimizer::tensor_slices() {
  std::vector<TensorSlice> slices;
  for (const auto& owned : state_->parallel.part_slices()) {
    const auto& part = state_->parallel.parts()[owned.part];
    const auto& [name, tensor] = state_->parallel.parameters()[part.parameter];
    const auto& state = state_->states[owned.part];
    for (std::size_t i = 0; i < state.names.size(); ++i) {
      slices.push_back({message("{}.{}.{}", state_->options.name, state.names[i], name), tensor.sizes().vec(),
                        part.offset + owned.first, state.tensors[i].narrow(0, owned.first, owned.elements),
                        owned.is_owner});
    }
    // Every part of a parameter counts its steps; the one with the first element keeps them.
    const bool has_first = part.offset + owned.first == 0;
    if (owned.first == 0) {
      slices.push_back(
          {message("{}.step.{}", state_->options.name, name), {}, 0, state.step.view(1), owned.is_owner && has_first});
    }
  }
  return slices;
}

std::map<std::string, std::string> PartOptimizer::scalars() const {
  return {{state_->updates_key(), std::to_string(state_->updates)}};
}

void PartOptimizer::load_scalars(const std::map<std::string, std::string>& scalars) {
  state_->updates = read_count(scalars, state_->updates_key());
}

}  // namespace trireme
