#include "trireme/runtime/unit.h"

#include <torch/torch.h>

namespace trireme {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// The identity on a unit's input.
struct UnitInput : torch::autograd::Function<UnitInput> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& input, std::int64_t observer,
                            std::int64_t unit) {
    context->saved_data["observer"] = observer;
    context->saved_data["unit"] = unit;
    return input.view_as(input);
  }
  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const auto address = static_cast<std::uintptr_t>(context->saved_data["observer"].toInt());
    auto* observer = reinterpret_cast<UnitObserver*>(address);
    observer->after_backward(static_cast<std::size_t>(context->saved_data["unit"].toInt()));
    return {gradients.front(), {}, {}};
  }
};

}  // namespace

at::Tensor UnitBase::watch_input(const at::Tensor& input) const {
  if (!input.requires_grad() || !at::GradMode::is_enabled()) return input;
  const auto address = static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(observer_));
  return UnitInput::apply(input, address, static_cast<std::int64_t>(unit_));
}

void UnitBase::watch_output(const at::Tensor& output) const {
  if (!output.requires_grad() || !at::GradMode::is_enabled()) return;
  output.register_hook([observer = observer_, unit = unit_](const at::Tensor& gradient) {
    observer->before_backward(unit);
    return gradient;
  });
}

}  // namespace trireme
