#include "trireme/runtime/adamw.h"

#include <torch/torch.h>

#include <charconv>
#include <cmath>
#include <utility>

#include "parallel/ownership.h"
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

// What AdamW keeps of a parameter.
struct Moments {
  at::Tensor exp_avg;
  at::Tensor exp_avg_sq;
  at::Tensor step;  // updates of this parameter, a float scalar as the fused kernel wants it
};

// The argument lists of one fused call. All tensors of a call have one dtype and one weight decay.
struct Group {
  double weight_decay = 0;
  std::vector<at::Tensor> parameters, gradients, exp_avgs, exp_avg_sqs, steps;
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
    for (const auto& [name, tensor] : parallel.parameters()) {
      moments.push_back({at::zeros_like(tensor.detach()), at::zeros_like(tensor.detach()), at::zeros({}, at::kFloat)});
    }
  }

  [[nodiscard]] double rate() const { return options.schedule ? options.schedule(updates) : options.learning_rate; }
  [[nodiscard]] std::vector<Group> groups() const;
  void update(Group& group, double learning_rate, const std::optional<at::Tensor>& divisor) const;
  // The number that gradients are divided by to have norm clip_norm; none when they are short enough.
  [[nodiscard]] std::optional<at::Tensor> clip_divisor(double norm) const;

  ParallelModule& parallel;
  AdamWOptions options;
  std::vector<Moments> moments;  // in the order of parallel.parameters()
  std::int64_t updates = 0;
};

std::vector<Group> AdamW::State::groups() const {
  std::map<std::pair<at::ScalarType, bool>, Group> groups;
  const auto& parameters = parallel.parameters();
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const auto& tensor = parameters[i].tensor;
    if (!tensor.grad().defined() || tensor.numel() == 0) continue;
    const bool decays = options.decay_vectors || tensor.dim() >= 2;
    auto& group = groups[{tensor.scalar_type(), decays}];
    group.weight_decay = decays ? options.weight_decay : 0;
    group.parameters.push_back(tensor);
    group.gradients.push_back(tensor.grad());
    group.exp_avgs.push_back(moments[i].exp_avg);
    group.exp_avg_sqs.push_back(moments[i].exp_avg_sq);
    group.steps.push_back(moments[i].step);
  }
  std::vector<Group> result;
  for (auto& [key, group] : groups) result.push_back(std::move(group));
  return result;
}

void AdamW::State::update(Group& group, double learning_rate, const std::optional<at::Tensor>& divisor) const {
  at::_foreach_add_(group.steps, 1);
  at::_fused_adamw_(group.parameters, group.gradients, group.exp_avgs, group.exp_avg_sqs, {}, group.steps,
                    learning_rate, options.beta1, options.beta2, group.weight_decay, options.epsilon,
                    /*amsgrad=*/false, /*maximize=*/false, divisor);
}

std::optional<at::Tensor> AdamW::State::clip_divisor(double norm) const {
  if (options.clip_norm == 0 || norm <= options.clip_norm) return std::nullopt;
  return at::scalar_tensor(norm / options.clip_norm, at::kFloat);
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
  const auto divisor = state_->clip_divisor(report.gradient_norm);
  for (auto& group : state_->groups()) state_->update(group, report.learning_rate, divisor);
  return report;
}

std::int64_t AdamW::updates() const noexcept { return state_->updates; }
double AdamW::learning_rate() const { return state_->rate(); }

std::vector<TensorSlice> AdamW::tensor_slices() {
  const auto& parameters = state_->parallel.parameters();
  auto& context = state_->parallel.context();
  std::vector<TensorExtent> extents;
  for (const auto& [name, tensor] : parameters) extents.push_back({tensor.numel(), tensor.element_size()});
  std::vector<TensorSlice> slices;
  const auto add = [&](const char* kind, const OwnedPiece& piece, const at::Tensor& tensor) {
    slices.push_back({message("adamw.{}.{}", kind, parameters[piece.tensor].name), tensor.sizes().vec(), piece.first,
                      tensor.view(-1).narrow(0, piece.first, piece.elements), piece.owner == context.rank()});
  };
  for (const auto& piece : share_ownership(extents, context.world_size())) {
    const auto& moments = state_->moments[piece.tensor];
    add("exp_avg", piece, moments.exp_avg);
    add("exp_avg_sq", piece, moments.exp_avg_sq);
    if (piece.first == 0) add("step", {piece.tensor, 0, 1, piece.owner}, moments.step);
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
