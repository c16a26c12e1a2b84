#pragma once

#include <cstdint>

// Loops over gradients in flat host memory. No LibTorch; any thread.
namespace trireme {

// Copies `elements` values. False when one of them is infinite or not a number.
[[nodiscard]] bool copy_finite_float(const void* from, void* to, std::int64_t elements);
[[nodiscard]] bool copy_finite_bf16(const void* from, void* to, std::int64_t elements);
[[nodiscard]] bool copy_finite_half(const void* from, void* to, std::int64_t elements);

// The sum of squares, kept in double. The squares of floats are exact, so how a tensor is cut changes at most the last
// bits of a double.
[[nodiscard]] double sum_of_squares_float(const void* values, std::int64_t elements);
[[nodiscard]] double sum_of_squares_bf16(const void* values, std::int64_t elements);

}  // namespace trireme
