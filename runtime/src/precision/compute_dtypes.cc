#include "precision/compute_dtypes.h"

#include <torch/torch.h>

#include <algorithm>
#include <unordered_set>

#include "deferred/deferred_values.h"

namespace trireme {
namespace {

// Parameters that compute with floating-point buffers.
std::unordered_set<const void*> beside_buffers(const torch::nn::Module& module) {
  std::unordered_set<const void*> result;
  for (const auto& part : module.modules()) {
    const auto buffers = part->buffers(/*recurse=*/false);
    if (std::ranges::none_of(buffers, [](const at::Tensor& buffer) { return buffer.is_floating_point(); })) continue;
    for (const auto& parameter : part->parameters(/*recurse=*/false)) result.insert(parameter.unsafeGetTensorImpl());
  }
  return result;
}

}  // namespace

const char* to_string(Precision precision) {
  switch (precision) {
    case Precision::kFloat32:
      return "fp32";
    case Precision::kBf16:
      return "bf16";
    case Precision::kFp16:
      return "fp16";
  }
  return "?";
}

at::ScalarType dtype_of(Precision precision) {
  switch (precision) {
    case Precision::kBf16:
      return at::kBFloat16;
    case Precision::kFp16:
      return at::kHalf;
    default:
      return at::kFloat;
  }
}

std::vector<at::ScalarType> compute_dtypes(const torch::nn::Module& module,
                                           const std::vector<NamedParameter>& parameters, Precision precision,
                                           const ParameterFilter& stays) {
  const auto bound = beside_buffers(module);
  std::vector<at::ScalarType> dtypes;
  for (const auto& [name, tensor] : parameters) {
    const auto own = tensor.scalar_type();
    const bool keeps = own != at::kFloat || bound.contains(tensor.unsafeGetTensorImpl()) || (stays && stays(name));
    dtypes.push_back(keeps ? own : dtype_of(precision));
  }
  return dtypes;
}

void convert(const std::vector<NamedParameter>& parameters, const std::vector<at::ScalarType>& dtypes) {
  at::NoGradGuard no_grad;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    auto tensor = parameters[i].tensor;
    if (tensor.scalar_type() == dtypes[i]) continue;
    tensor.set_data(has_memory(tensor)
                        ? tensor.detach().to(dtypes[i])
                        : unbacked(tensor.sizes(), tensor.options().requires_grad(false).dtype(dtypes[i])));
  }
}

}  // namespace trireme
