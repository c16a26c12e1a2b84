#include "optim/orthogonalize.h"

#include <torch/torch.h>

namespace trireme {

at::Tensor orthogonalize(const at::Tensor& matrix, int iterations) {
  constexpr double kA = 3.4445;
  constexpr double kB = -4.7750;
  constexpr double kC = 2.0315;
  const bool is_tall = matrix.size(0) > matrix.size(1);
  auto x = is_tall ? matrix.t().contiguous() : matrix;
  x = x / (x.norm() + 1e-7);
  for (int i = 0; i < iterations; ++i) {
    const auto a = at::mm(x, x.t());
    const auto b = at::addmm(a, a, a, kB, kC);
    x = at::addmm(x, b, x, kA, 1);
  }
  return is_tall ? x.t().contiguous() : x;
}

}  // namespace trireme
