#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace trireme {

// Matrices that are worked on at the same time, one by each rank.
struct MatrixRound {
  std::vector<std::size_t> matrices;  // of rank 0, 1, …; fewer than ranks in the last round
  std::int64_t elements = 0;          // of the largest
};

// Deals matrices of the given sizes out to `ranks`, the largest first, so that those of a round are alike. Pure.
[[nodiscard]] std::vector<MatrixRound> deal_matrices(const std::vector<std::int64_t>& elements, int ranks);

}  // namespace trireme
