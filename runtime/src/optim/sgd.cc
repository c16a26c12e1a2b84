#include "trireme/runtime/sgd.h"

#include <torch/torch.h>

#include "optim/require_option.h"
#include "optim/update_tensors.h"

namespace trireme {
namespace {

class SgdUpdate final : public UpdateRule {
 public:
  SgdUpdate(double momentum, bool nesterov) : momentum_(momentum), nesterov_(nesterov) {
    require_option(momentum >= 0 && momentum < 1, "sgd", "momentum", momentum, "in [0, 1)");
    require_option(momentum > 0 || !nesterov, "sgd", "momentum", momentum, "above 0 with nesterov");
  }

  [[nodiscard]] std::vector<std::string> state_names(const NamedParameter&) const override {
    return momentum_ == 0 ? std::vector<std::string>{} : std::vector<std::string>{"momentum_buffer"};
  }

  void update(std::span<const PartUpdate> updates) override {
    if (momentum_ == 0) return update_parts(updates, plain_step);
    update_parts(updates, [this](const PartUpdate& update) { return momentum_step(update); });
  }

 private:
  static SgdStep plain_step(const PartUpdate& update) {
    return {.gradient_scale = static_cast<float>(update.gradient_scale),
            .l2 = static_cast<float>(update.weight_decay),
            .rate = static_cast<float>(update.learning_rate)};
  }

  [[nodiscard]] MomentumStep momentum_step(const PartUpdate& update) const {
    const auto momentum = static_cast<float>(momentum_);
    return {.gradient_scale = static_cast<float>(update.gradient_scale),
            .l2 = static_cast<float>(update.weight_decay),
            .rate = static_cast<float>(update.learning_rate),
            .momentum = momentum,
            .fresh = nesterov_ ? 1.0F : 0.0F,
            .kept = nesterov_ ? momentum : 1.0F};
  }

  const double momentum_;
  const bool nesterov_;
};

}  // namespace

Sgd::Sgd(ParallelModule& parallel, const SgdOptions& options)
    : PartOptimizer(parallel, std::make_unique<SgdUpdate>(options.momentum, options.nesterov),
                    shared_options("sgd", options)) {}

}  // namespace trireme
