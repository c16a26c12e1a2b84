#include "trireme/runtime/lamb.h"

#include <torch/torch.h>

#include <cmath>

#include "optim/adam_rule.h"
#include "optim/require_option.h"
#include "optim/update_tensors.h"

namespace trireme {
namespace {

class LambUpdate final : public UpdateRule {
 public:
  LambUpdate(ParallelModule& parallel, const LambOptions& options) : parallel_(parallel), options_(options) {
    check(AdamRule{options.beta1, options.beta2, options.epsilon}, "lamb");
  }

  [[nodiscard]] std::vector<std::string> state_names(const NamedParameter&) const override {
    return {"exp_avg", "exp_avg_sq"};
  }

  void prepare(std::span<const PartUpdate> updates) override {
    update_parts(updates, [this](const PartUpdate& update) { return moments(update); });
    measure(updates);
  }

  void update(std::span<const PartUpdate> updates) override {
    update_parts(updates, [this](const PartUpdate& update) {
      const auto ratio = trust_ratio(update.part->parameter);
      return LambStep{direction(update), static_cast<float>(update.learning_rate * ratio)};
    });
  }

 private:
  [[nodiscard]] LambMoments moments(const PartUpdate& update) const {
    return {.gradient_scale = static_cast<float>(update.gradient_scale),
            .beta1 = static_cast<float>(options_.beta1),
            .beta2 = static_cast<float>(options_.beta2)};
  }

  [[nodiscard]] LambDirection direction(const PartUpdate& update) const {
    const auto count = static_cast<double>(update.count);
    return {.exp_avg_scale = static_cast<float>(1 / (1 - std::pow(options_.beta1, count))),
            .root_scale = static_cast<float>(1 / std::sqrt(1 - std::pow(options_.beta2, count))),
            .epsilon = static_cast<float>(options_.epsilon),
            .weight_decay = static_cast<float>(update.weight_decay)};
  }

  // Sums the squares of every parameter and its direction over all ranks, each element once.
  void measure(std::span<const PartUpdate> updates) {
    std::vector<const PartUpdate*> by_part(parallel_.parts().size(), nullptr);
    for (const auto& update : updates) by_part[update.index] = &update;
    squares_.assign(2 * parallel_.parameters().size(), 0);
    for (const auto& slice : parallel_.part_slices()) {
      const auto* update = by_part[slice.part];
      if (!slice.is_owner || update == nullptr) continue;
      const auto sums = squares_of(*update, slice, direction(*update));
      squares_[2 * update->part->parameter] += sums.values;
      squares_[2 * update->part->parameter + 1] += sums.directions;
    }
    const auto elements = static_cast<std::int64_t>(squares_.size());
    parallel_.context()
        .communicator()
        .all_reduce(collectives::view(squares_.data(), elements), {.timeout = parallel_.options().timeout})
        ->wait();
  }

  [[nodiscard]] static LambSquares squares_of(const PartUpdate& update, const PartSlice& slice,
                                              const LambDirection& step) {
    if (!update.part->values.is_cpu()) return squares_on_gpu(update, slice, step);
    at::Tensor none;
    const auto whole = segment_of(update.part->values, none, update.state);
    return lamb_squares(whole.slice(slice.first, slice.first + slice.elements), step);
  }

  [[nodiscard]] static LambSquares squares_on_gpu(const PartUpdate& update, const PartSlice& slice,
                                                  const LambDirection& step) {
    const auto cut = [&](const at::Tensor& flat) { return flat.narrow(0, slice.first, slice.elements); };
    const auto values = cut(update.part->values);
    const auto root = cut(update.state[1]).sqrt().mul_(step.root_scale).add_(step.epsilon);
    const auto direction = cut(update.state[0]).mul(step.exp_avg_scale).div_(root).add_(values, step.weight_decay);
    const auto sums =
        at::stack({values.to(at::kDouble).square().sum(), direction.to(at::kDouble).square().sum()}).cpu();
    return {sums[0].item<double>(), sums[1].item<double>()};
  }

  [[nodiscard]] double trust_ratio(std::size_t parameter) const {
    const double values = squares_[2 * parameter];
    const double directions = squares_[2 * parameter + 1];
    return values > 0 && directions > 0 ? std::sqrt(values / directions) : 1;
  }

  ParallelModule& parallel_;
  const LambOptions options_;
  std::vector<double> squares_;  // by parameter: of its values, of its direction
};

}  // namespace

Lamb::Lamb(ParallelModule& parallel, const LambOptions& options)
    : PartOptimizer(parallel, std::make_unique<LambUpdate>(parallel, options), shared_options("lamb", options)) {}

}  // namespace trireme
