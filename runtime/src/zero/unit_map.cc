#include "zero/unit_map.h"

#include <torch/torch.h>

namespace trireme {

UnitMap::UnitMap(torch::nn::Module& model) { visit(model, 0); }

void UnitMap::visit(torch::nn::Module& module, int unit) {
  if (auto* base = dynamic_cast<UnitBase*>(&module)) {
    units_.push_back(base);
    unit = static_cast<int>(units_.size());
  }
  for (const auto& parameter : module.parameters(/*recurse=*/false)) {
    const auto [entry, is_new] = unit_of_.try_emplace(parameter.unsafeGetTensorImpl(), unit);
    if (!is_new && entry->second != unit) entry->second = 0;
  }
  for (const auto& child : module.children()) visit(*child, unit);
}

int UnitMap::unit_of(const at::Tensor& parameter) const { return unit_of_.at(parameter.unsafeGetTensorImpl()); }

void UnitMap::arm(UnitObserver* observer) const {
  for (std::size_t i = 0; i < units_.size(); ++i) units_[i]->arm(observer, i + 1);
}

}  // namespace trireme
