#include "parallel/finite_watch.h"

#include <torch/torch.h>

#include <cmath>

#include "parallel/gradient_values.h"

namespace trireme {

void FiniteWatch::look(std::size_t tensor, const at::Tensor& values) {
  if (values.is_cpu()) return note(tensor, is_finite(values));
  sums_.emplace_back(tensor, wide_sum(values));
}

void FiniteWatch::copy(std::size_t tensor, const at::Tensor& from, const at::Tensor& to) {
  if (to.is_cpu()) return note(tensor, copy_and_check(from, to));
  to.copy_(from);
  look(tensor, to);
}

void FiniteWatch::note(std::size_t tensor, bool is_finite) {
  if (!is_finite && !first_) first_ = Sight{tensor, seen_};
  ++seen_;
}

std::optional<FiniteWatch::Sight> FiniteWatch::first() {
  for (const auto& [tensor, sum] : std::exchange(sums_, {})) note(tensor, std::isfinite(sum.item<double>()));
  return first_;
}

void FiniteWatch::forget() { *this = FiniteWatch(); }

}  // namespace trireme
