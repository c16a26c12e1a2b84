#include "trireme/runtime/lion.h"

#include <torch/torch.h>

#include "optim/require_option.h"
#include "optim/update_tensors.h"

namespace trireme {
namespace {

class LionUpdate final : public UpdateRule {
 public:
  LionUpdate(double beta1, double beta2) : beta1_(beta1), beta2_(beta2) {
    require_option(beta1 >= 0 && beta1 < 1, "lion", "beta1", beta1, "in [0, 1)");
    require_option(beta2 >= 0 && beta2 < 1, "lion", "beta2", beta2, "in [0, 1)");
  }

  [[nodiscard]] std::vector<std::string> state_names(const NamedParameter&) const override { return {"exp_avg"}; }

  void update(std::span<const PartUpdate> updates) override {
    update_parts(updates, [this](const PartUpdate& update) { return step_of(update); });
  }

 private:
  [[nodiscard]] LionStep step_of(const PartUpdate& update) const {
    return {.gradient_scale = static_cast<float>(update.gradient_scale),
            .keep = static_cast<float>(1 - update.learning_rate * update.weight_decay),
            .rate = static_cast<float>(update.learning_rate),
            .beta1 = static_cast<float>(beta1_),
            .beta2 = static_cast<float>(beta2_)};
  }

  const double beta1_;
  const double beta2_;
};

}  // namespace

Lion::Lion(ParallelModule& parallel, const LionOptions& options)
    : PartOptimizer(parallel, std::make_unique<LionUpdate>(options.beta1, options.beta2),
                    shared_options("lion", options)) {}

}  // namespace trireme
