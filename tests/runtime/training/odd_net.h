#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "trireme/runtime/parallel.h"
#include "trireme/runtime/steps.h"
#include "trireme/runtime/unit.h"

// A small model with everything that makes data parallelism hard, its data, and its training with and without Trireme.
namespace trireme::test {

// Two layers with a norm between them.
class OddBlockImpl : public torch::nn::Module {
 public:
  OddBlockImpl(std::int64_t width, std::int64_t hidden);
  at::Tensor forward(const at::Tensor& x);

 private:
  torch::nn::Linear in_{nullptr}, out_{nullptr};
  torch::nn::LayerNorm norm_{nullptr};
};
TORCH_MODULE(OddBlock);

// Odd shapes; two blocks as units; a tied parameter (embedding and output), a frozen layer, a layer that is never used,
// and a gate that is used when asked for. Made with the same values every time.
class OddNet : public torch::nn::Module {
 public:
  OddNet();
  // Mean cross entropy of predicting `targets`; both [rows, length] of token numbers below kTokens.
  at::Tensor forward(const at::Tensor& inputs, const at::Tensor& targets, bool uses_gate);

  static constexpr std::int64_t kTokens = 13;

 private:
  at::Tensor embedding_;
  Unit<OddBlock> first_{nullptr}, second_{nullptr};
  torch::nn::Linear frozen_{nullptr}, unused_{nullptr};
  Unit<torch::nn::Linear> gate_{nullptr};
};

// Which ranks use the gate in a step.
using GateRule = std::function<bool(std::int64_t step, int rank)>;

struct Trial {
  int ranks = 1;
  std::int64_t steps = 20;
  std::int64_t rows = 7;  // of the global batch; not a multiple of 2, 3 or 4
  double clip_norm = 0.5;
  Zero zero = Zero::kOff;
  Sharing sharing = Sharing::kAuto;
  collectives::Timeout timeout = collectives::kDefaultTimeout;
  Precision precision = Precision::kFloat32;  // norms stay in float32
  std::optional<Precision> reduce_dtype = std::nullopt;
  LossScale loss_scale = constant_loss_scale(1);
  int accumulation = 1;  // backward passes a step, under no_sync() but for the last
  GateRule gate = [](std::int64_t, int) { return true; };
};

struct TrialResult {
  std::vector<double> losses;
  std::map<std::string, at::Tensor> parameters;
};

// Rows of rank `rank` of the global batch of `step`.
[[nodiscard]] Batch share_of_batch(const Trial& trial, std::int64_t step, int rank);

// Through Parallel, AdamW and steps(), as rank context.rank() of trial.ranks.
[[nodiscard]] TrialResult train_with_trireme(TrainContext& context, const Trial& trial);

// With LibTorch alone, in this thread: each rank's share in turn, gradients added in rank order. With one rank it is
// the plain training on whole batches. With accumulation a rank's own gradients are added up first where ranks keep
// them (Zero::kOff and kOptimizer), else the ranks' are added in each pass. Masters are kept beside a converted model.
[[nodiscard]] TrialResult train_rank_by_rank(const Trial& trial);

// Empty when equal bit for bit, else what differs first.
[[nodiscard]] std::string difference(const TrialResult& a, const TrialResult& b);
// The largest absolute difference of any parameter element.
[[nodiscard]] double largest_parameter_difference(const TrialResult& a, const TrialResult& b);

}  // namespace trireme::test
