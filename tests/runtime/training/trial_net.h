#pragma once

#include <torch/nn/module.h>

#include <cstdint>
#include <functional>
#include <memory>

namespace trireme::test {

// A small model of odd shapes that predicts tokens. Made with the same values every time.
class TrialNet : public torch::nn::Module {
 public:
  static constexpr std::int64_t kTokens = 13;

  // Mean cross entropy of predicting `targets`; both [rows, length] of token numbers below kTokens. Models without a
  // gate do not look at `uses_gate`.
  virtual at::Tensor forward(const at::Tensor& inputs, const at::Tensor& targets, bool uses_gate) = 0;

  // Called in the middle of forward and of backward, where set.
  std::function<void()> disturb;

 protected:
  // For forward to pass an intermediate result through.
  [[nodiscard]] at::Tensor disturbed(const at::Tensor& x) const;
};

enum class Net {
  kOdd,        // units, tied, frozen and unused parameters, a gate that some ranks use
  kPlain,      // no units, and no two parameters of one shape
  kRecurrent,  // one unit, used at every position
  kBatchNorm,  // convolution and BatchNorm
};
[[nodiscard]] const char* to_string(Net net);
[[nodiscard]] std::shared_ptr<TrialNet> make_net(Net net);

// Sets every parameter to the same values on every machine and for every generator state.
void fill_parameters(torch::nn::Module& module);

}  // namespace trireme::test
