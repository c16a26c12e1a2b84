#pragma once

#include <torch/nn/module.h>

#include <cstddef>
#include <unordered_map>
#include <vector>

#include "trireme/runtime/unit.h"

namespace trireme {

// The units of a model, numbered from 1 in the order of registration, and who owns which parameter. 0 is the root: what
// lies in no unit, or in several (tied weights), which must be there whenever one of them computes.
class UnitMap {
 public:
  explicit UnitMap(torch::nn::Module& model);

  // 1 + the number of units.
  [[nodiscard]] std::size_t size() const noexcept { return units_.size() + 1; }
  // Of the innermost unit that has it.
  [[nodiscard]] int unit_of(const at::Tensor& parameter) const;
  // Tells all units who watches their passes; null disarms them.
  void arm(UnitObserver* observer) const;

 private:
  void visit(torch::nn::Module& module, int unit);

  std::vector<UnitBase*> units_;
  std::unordered_map<const void*, int> unit_of_;
};

}  // namespace trireme
