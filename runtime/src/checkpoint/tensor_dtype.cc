#include "checkpoint/tensor_dtype.h"

#include <algorithm>
#include <array>
#include <utility>

#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme {
namespace {

using Pair = std::pair<c10::ScalarType, std::string_view>;
constexpr std::array<Pair, 9> kPairs{{{c10::ScalarType::Float, "F32"},
                                      {c10::ScalarType::BFloat16, "BF16"},
                                      {c10::ScalarType::Half, "F16"},
                                      {c10::ScalarType::Double, "F64"},
                                      {c10::ScalarType::Long, "I64"},
                                      {c10::ScalarType::Int, "I32"},
                                      {c10::ScalarType::Char, "I8"},
                                      {c10::ScalarType::Byte, "U8"},
                                      {c10::ScalarType::Bool, "BOOL"}}};

}  // namespace

std::string_view safetensors_dtype(c10::ScalarType type) {
  const auto found = std::ranges::find(kPairs, type, &Pair::first);
  if (found == kPairs.end()) throw CheckpointError(message("tensors of {} cannot be kept", c10::toString(type)));
  return found->second;
}

c10::ScalarType scalar_type(std::string_view safetensors_dtype) {
  const auto found = std::ranges::find(kPairs, safetensors_dtype, &Pair::second);
  if (found == kPairs.end()) throw CheckpointError(message("tensors of dtype {} cannot be read", safetensors_dtype));
  return found->first;
}

}  // namespace trireme
