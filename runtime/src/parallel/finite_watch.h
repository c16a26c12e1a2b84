#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace trireme {

// Remembers which tensor was the first with a value that is infinite or not a number.
//
// On a CPU it looks at once. On a GPU it sums, without waiting, and looks at the sums when it is asked.
class FiniteWatch {
 public:
  struct Sight {
    std::size_t tensor = 0;           // the number it was given with
    std::int64_t tensors_before = 0;  // that came before it
  };
  void look(std::size_t tensor, const at::Tensor& values);
  // Copies `from` to `to`, and looks at it on the way.
  void copy(std::size_t tensor, const at::Tensor& from, const at::Tensor& to);
  // The first since the beginning, or forget().
  [[nodiscard]] std::optional<Sight> first();
  void forget();

 private:
  void note(std::size_t tensor, bool is_finite);

  std::int64_t seen_ = 0;
  std::optional<Sight> first_;
  std::vector<std::pair<std::size_t, at::Tensor>> sums_;  // nobody looked at yet, in the order they came
};

}  // namespace trireme
