#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "trireme/runtime/optimizer.h"
#include "trireme/runtime/parallel.h"

// A model whose gradients are whole numbers known beforehand, so that optimizers are compared with nothing in between.
namespace trireme::test {

// Two matrices, a vector and a parameter that is never used. Made with the same values every time.
class PlainNet : public torch::nn::Module {
 public:
  PlainNet();
  // Its gradients are gradient_of(name, step, rank).
  at::Tensor forward(std::int64_t step, int rank);
};

// One rank's gradient: whole numbers, so sums over ranks are exact.
[[nodiscard]] at::Tensor gradient_of(const std::string& name, at::IntArrayRef shape, std::int64_t step, int rank);

struct PlainTrial {
  int ranks = 1;
  Zero zero = Zero::kOff;
  Sharing sharing = Sharing::kOff;
  std::int64_t steps = 4;
};

// 1, 2 and 3 ranks, every stage, shared and not.
[[nodiscard]] std::vector<PlainTrial> all_plain_trials();
[[nodiscard]] std::string describe(const PlainTrial& trial);

using MakeOptimizer = std::function<std::unique_ptr<Optimizer>(ParallelModule&)>;
using NamedValues = std::map<std::string, at::Tensor>;

// Trains on threads and returns every rank's parameters.
[[nodiscard]] std::vector<NamedValues> train_plain_net(const PlainTrial& trial, const MakeOptimizer& make);

// What a reference keeps of a parameter.
struct PlainState {
  at::Tensor first, second;  // zeros at first
  int count = 0;             // updates, this one included
};
// Changes `value` from `gradient`, which is clipped already; decay is 0 for vectors when the reference wants none.
using PlainUpdate = std::function<void(at::Tensor& value, const at::Tensor& gradient, PlainState& state)>;
// By element: (value, gradient, first, second, count).
[[nodiscard]] PlainUpdate by_element(const std::function<void(float&, float, float&, float&, int)>& update);

// The same training, without Trireme: gradients summed over `ranks`, clipped to `clip_norm`, then `update` for each
// parameter that has one.
[[nodiscard]] NamedValues train_by_reference(const PlainTrial& trial, double clip_norm, const PlainUpdate& update);

// The largest absolute difference of any element; 0 when equal bit for bit.
[[nodiscard]] double largest_difference(const NamedValues& a, const NamedValues& b);

}  // namespace trireme::test
