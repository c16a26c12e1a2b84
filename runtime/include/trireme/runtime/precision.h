#pragma once

#include <c10/core/ScalarType.h>

#include <functional>
#include <string>

// In what precision a Parallel computes.
namespace trireme {

enum class Precision {
  kFloat32,  // as the user built the model
  kBf16,     // float32's range, 8 bits of mantissa
  kFp16,     // 11 bits of mantissa and a small range
};
[[nodiscard]] const char* to_string(Precision precision);
[[nodiscard]] at::ScalarType dtype_of(Precision precision);

// The names of parameters (as in named_parameters()) that stay as the user built them.
using ParameterFilter = std::function<bool(const std::string& name)>;

}  // namespace trireme
