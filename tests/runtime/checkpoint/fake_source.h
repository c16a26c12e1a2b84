#pragma once

#include <ATen/ATen.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "trireme/runtime/state.h"

namespace trireme::test {

// A tensor of `count` elements 0, 1, 2, … split evenly over the ranks, one held whole by rank 0, and one scalar.
class FakeSource final : public StateSource {
 public:
  FakeSource(int rank, int size, std::int64_t rows = 5, std::int64_t columns = 7)
      : shape_{rows, columns}, rank_(rank), begin_(rows * columns * rank / size) {
    const std::int64_t end = rows * columns * (rank + 1) / size;
    part_ = at::arange(begin_, end, at::kFloat);
    whole_ = at::full({4}, 0.5, at::kBFloat16);
  }

  // What a fresh process has before it loads.
  void clear() {
    part_.zero_();
    whole_.zero_();
    updates_ = 0;
  }
  [[nodiscard]] bool holds_what_was_saved() const {
    return at::equal(part_, at::arange(begin_, begin_ + part_.numel(), at::kFloat)) &&
           at::equal(whole_, at::full({4}, 0.5, at::kBFloat16)) && updates_ == 17 && is_told_;
  }

  [[nodiscard]] std::vector<TensorSlice> tensor_slices() override {
    return {{"layer.weight", shape_, begin_, part_, true}, {"layer.bias", {2, 2}, 0, whole_, rank_ == 0}};
  }
  [[nodiscard]] std::string shard_name() const override { return "model"; }
  [[nodiscard]] std::map<std::string, std::string> scalars() const override {
    return {{"updates", std::to_string(updates_)}};
  }
  void load_scalars(const std::map<std::string, std::string>& scalars) override {
    updates_ = std::stoll(scalars.at("updates"));
  }
  void after_load() override { is_told_ = true; }

 private:
  std::vector<std::int64_t> shape_;
  int rank_;
  std::int64_t begin_;
  at::Tensor part_;
  at::Tensor whole_;
  std::int64_t updates_ = 17;
  bool is_told_ = false;
};

}  // namespace trireme::test
