#pragma once

#include <cstdint>

// What ranks write before an operation, and what must be there after it. Every value and every sum of up to 255 ranks
// is an integer below 2^24, so floats hold them exactly and the order of a sum does not matter.
namespace trireme::bench {

// Distinguishes positions that lie up to 2^32 elements apart, ranks, and consecutive iterations.
struct Contribution {
  int rank = 0;
  std::int64_t iteration = 0;
};

// data[i] = the contribution's value of element first + i.
void write_pattern(float* data, std::int64_t first, std::int64_t count, const Contribution& contribution);

// How many elements of data[i] differ from the contribution's value of element first + i.
[[nodiscard]] std::int64_t count_wrong_copies(const float* data, std::int64_t first, std::int64_t count,
                                              const Contribution& contribution);

// The same for the sum of the contributions of ranks 0 … ranks - 1.
[[nodiscard]] std::int64_t count_wrong_sums(const float* data, std::int64_t first, std::int64_t count, int ranks,
                                            std::int64_t iteration);

}  // namespace trireme::bench
