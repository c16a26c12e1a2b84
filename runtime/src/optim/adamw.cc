#include "trireme/runtime/adamw.h"

#include <torch/torch.h>

#include <charconv>
#include <cmath>
#include <utility>

#include "optim/update_tensors.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme {
namespace {

constexpr const char* kUpdatesKey = "adamw.updates";

void require(bool holds, const char* option, double value, const char* range) {
  if (!holds) throw ConfigError(message("AdamW's {} is {}, but must be {}.", option, value, range));
}

void check(const AdamWOptions& options) {
  require(options.learning_rate >= 0, "learning_rate", options.learning_rate, "0 or more");
  require(options.beta1 >= 0 && options.beta1 < 1, "beta1", options.beta1, "in [0, 1)");
  require(options.beta2 >= 0 && options.beta2 < 1, "beta2", options.beta2, "in [0, 1)");
  require(options.epsilon > 0, "epsilon", options.epsilon, "above 0");
  require(options.weight_decay >= 0, "weight_decay", options.weight_decay, "0 or more");
  require(options.clip_norm >= 0, "clip_norm", options.clip_norm, "0 (off) or more");
}

// What AdamW keeps of a part.
struct Moments {
  at::Tensor exp_avg;
  at::Tensor exp_avg_sq;
  at::Tensor step;  // updates of the parameter; a float scalar, as checkpoints have it
};

std::int64_t parse_count(const std::string& text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 0) {
    throw CheckpointError(message("{} is \"{}\" in the checkpoint, which is not a count.", kUpdatesKey, text));
  }
  return value;
}

}  // namespace

struct AdamW::State {
  State(ParallelModule& wrapped, AdamWOptions wishes) : parallel(wrapped), options(std::move(wishes)) {
    check(options);
    for (const auto& part : parallel.parts()) {
      const auto zeros = [&] { return at::zeros_like(part.values, at::kFloat); };
      moments.push_back({zeros(), zeros(), at::zeros({}, at::kFloat)});
    }
  }

  [[nodiscard]] double rate() const { return options.schedule ? options.schedule(updates) : options.learning_rate; }
  [[nodiscard]] double decay_of(const ParameterPart& part) const {
    const auto dimensions = parallel.parameters()[part.parameter].tensor.dim();
    return options.decay_vectors || dimensions >= 2 ? options.weight_decay : 0;
  }
  void update(std::size_t part, double learning_rate, double gradient_scale);
  // What gradients are multiplied with to have norm clip_norm, when they are longer.
  [[nodiscard]] double clip_scale(double norm) const {
    return options.clip_norm == 0 || norm <= options.clip_norm ? 1.0 : options.clip_norm / norm;
  }

  ParallelModule& parallel;
  AdamWOptions options;
  std::vector<Moments> moments;  // in the order of parallel.parts()
  std::int64_t updates = 0;
};

void AdamW::State::update(std::size_t index, double learning_rate, double gradient_scale) {
  const auto& part = parallel.parts()[index];
  auto& [exp_avg, exp_avg_sq, step] = moments[index];
  const auto count = static_cast<double>(*step.mutable_data_ptr<float>() += 1);
  const AdamStep numbers{
      .gradient_scale = static_cast<float>(gradient_scale),
      .keep = static_cast<float>(1 - learning_rate * decay_of(part)),
      .beta1 = static_cast<float>(options.beta1),
      .beta2 = static_cast<float>(options.beta2),
      .rate = static_cast<float>(learning_rate / (1 - std::pow(options.beta1, count))),
      .root_scale = static_cast<float>(1 / std::sqrt(1 - std::pow(options.beta2, count))),
      .epsilon = static_cast<float>(options.epsilon),
  };
  update_adam(part.values, part.gradient, exp_avg, exp_avg_sq, numbers);
}

AdamW::AdamW(ParallelModule& parallel, AdamWOptions options)
    : state_(std::make_unique<State>(parallel, std::move(options))) {}

AdamW::~AdamW() = default;

UpdateReport AdamW::step() {
  at::NoGradGuard no_grad;
  UpdateReport report;
  report.learning_rate = state_->rate();
  report.gradient_norm = state_->parallel.gradient_norm();
  ++state_->updates;
  if (!std::isfinite(report.gradient_norm)) {
    report.skipped = true;
    report.reason = state_->parallel.explain_nonfinite_gradient();
    return report;
  }
  const auto scale = state_->clip_scale(report.gradient_norm) * state_->parallel.gradient_scale();
  state_->parallel.update([&](std::size_t part) { state_->update(part, report.learning_rate, scale); });
  return report;
}

std::int64_t AdamW::updates() const noexcept { return state_->updates; }
double AdamW::learning_rate() const { return state_->rate(); }

std::vector<TensorSlice> AdamW::tensor_slices() {
  std::vector<TensorSlice> slices;
  for (const auto& owned : state_->parallel.part_slices()) {
    const auto& part = state_->parallel.parts()[owned.part];
    const auto& [name, tensor] = state_->parallel.parameters()[part.parameter];
    const auto& moments = state_->moments[owned.part];
    const auto add = [&](const char* kind, const at::Tensor& values) {
      slices.push_back({message("adamw.{}.{}", kind, name), tensor.sizes().vec(), part.offset + owned.first,
                        values.narrow(0, owned.first, owned.elements), owned.is_owner});
    };
    add("exp_avg", moments.exp_avg);
    add("exp_avg_sq", moments.exp_avg_sq);
    // Every part of a parameter counts its steps; the one with the first element keeps them.
    const bool has_first = part.offset + owned.first == 0;
    if (owned.first == 0) {
      slices.push_back({message("adamw.step.{}", name), {}, 0, moments.step.view(1), owned.is_owner && has_first});
    }
  }
  return slices;
}

std::map<std::string, std::string> AdamW::scalars() const { return {{kUpdatesKey, std::to_string(state_->updates)}}; }

void AdamW::load_scalars(const std::map<std::string, std::string>& scalars) {
  const auto found = scalars.find(kUpdatesKey);
  if (found == scalars.end()) throw CheckpointError(message("{} is missing in the checkpoint.", kUpdatesKey));
  state_->updates = parse_count(found->second);
}

}  // namespace trireme
