#include "trireme/runtime/zero.h"

namespace trireme {
namespace {

std::int64_t share(std::int64_t bytes, int ranks) { return (bytes + ranks - 1) / ranks; }

}  // namespace

const char* to_string(Zero zero) {
  switch (zero) {
    case Zero::kOff:
      return "off";
    case Zero::kOptimizer:
      return "optimizer";
    case Zero::kGradients:
      return "gradients";
    case Zero::kParameters:
      return "parameters";
  }
  return "?";
}

ZeroMemory zero_memory(const ZeroMemoryInput& input) {
  const bool shards_parameters = input.zero == Zero::kParameters;
  const auto sharing = input.zero == Zero::kOff ? 1 : input.sharing;
  const auto parameter_ranks = sharing > 1 ? sharing : (shards_parameters ? input.shards : 1);
  return {
      .parameters = share(input.elements * input.parameter_bytes, parameter_ranks),
      .gradients = share(input.elements * input.gradient_bytes, input.zero >= Zero::kGradients ? input.shards : 1),
      .optimizer = share(input.elements * input.optimizer_bytes, input.zero >= Zero::kOptimizer ? input.shards : 1)};
}

}  // namespace trireme
