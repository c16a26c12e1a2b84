#pragma once

#include <torch/nn/module.h>

#include <vector>

#include "trireme/runtime/parameter_part.h"
#include "trireme/runtime/precision.h"

namespace trireme {

// The dtype that each of the module's parameters computes in, in their order.
//
// Note [what is converted]. Every float32 parameter, trained or frozen, takes the precision's dtype. These stay as the
// user built them: parameters of other dtypes; those that `stays` names; those of a module that has floating-point
// buffers of its own (a BatchNorm), because it computes with both and running statistics need float32; and all buffers.
[[nodiscard]] std::vector<at::ScalarType> compute_dtypes(const torch::nn::Module& module,
                                                         const std::vector<NamedParameter>& parameters,
                                                         Precision precision, const ParameterFilter& stays);

// Rounds the parameters to `dtypes`, in place, one after the other.
void convert(const std::vector<NamedParameter>& parameters, const std::vector<at::ScalarType>& dtypes);

}  // namespace trireme
