#include "optim/matrix_rounds.h"

#include <algorithm>
#include <numeric>

namespace trireme {

std::vector<MatrixRound> deal_matrices(const std::vector<std::int64_t>& elements, int ranks) {
  std::vector<std::size_t> order(elements.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](auto a, auto b) { return elements[a] > elements[b]; });
  std::vector<MatrixRound> rounds;
  for (const auto matrix : order) {
    if (rounds.empty() || rounds.back().matrices.size() == static_cast<std::size_t>(ranks)) {
      rounds.push_back({{}, elements[matrix]});
    }
    rounds.back().matrices.push_back(matrix);
  }
  return rounds;
}

}  // namespace trireme
