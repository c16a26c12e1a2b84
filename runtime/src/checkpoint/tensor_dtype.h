#pragma once

#include <c10/core/ScalarType.h>

#include <string_view>

namespace trireme {

// The names of safetensors for LibTorch's dtypes. Throw CheckpointError for one that the other side does not have.
[[nodiscard]] std::string_view safetensors_dtype(c10::ScalarType type);
[[nodiscard]] c10::ScalarType scalar_type(std::string_view safetensors_dtype);

}  // namespace trireme
