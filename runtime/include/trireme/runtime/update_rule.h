#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "trireme/runtime/parameter_part.h"

namespace trireme {

// A part that has a gradient, and the numbers of its update.
struct PartUpdate {
  std::size_t index = 0;  // in ParallelModule::parts()
  const ParameterPart* part = nullptr;
  std::span<const at::Tensor> state = {};  // float32, as long as the part, in the order of state_names(); starts as 0
  std::int64_t count = 0;                  // updates of this parameter, this one included
  double learning_rate = 0;                // of this step and the parameter's group
  double weight_decay = 0;
  double gradient_scale = 1;  // gradients are multiplied with it first: clipping
};

// What makes one optimizer another: how values follow from gradients. PartOptimizer does the rest.
//
// Calls come from one thread; autograd is off. All ranks make the same calls, for the same parameters.
class UpdateRule {
 public:
  virtual ~UpdateRule() = default;
  // Of the tensors that are kept beside a parameter, as checkpoints call them. They may depend on the parameter.
  [[nodiscard]] virtual std::vector<std::string> state_names(const NamedParameter& parameter) const = 0;
  // All of a step's updates, before any value is written; collective, so this is where ranks may exchange something.
  // State may be written.
  virtual void prepare(std::span<const PartUpdate> updates) { static_cast<void>(updates); }
  // Writes values and state of some of them. Not collective: other ranks have other parts.
  virtual void update(std::span<const PartUpdate> updates) = 0;
};

}  // namespace trireme
