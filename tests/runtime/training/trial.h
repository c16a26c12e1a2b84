#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "training/thread_context.h"
#include "training/trial_net.h"
#include "trireme/runtime/adamw.h"
#include "trireme/runtime/parallel.h"
#include "trireme/runtime/steps.h"

// The training of a TrialNet with and without Trireme.
namespace trireme::test {

// Which ranks use the gate in a step.
using GateRule = std::function<bool(std::int64_t step, int rank)>;

struct Trial {
  int ranks = 1;
  std::int64_t steps = 20;
  std::int64_t rows = 7;  // of the global batch; not a multiple of 2, 3 or 4
  double clip_norm = 0.5;
  Zero zero = Zero::kOff;
  Sharing sharing = Sharing::kAuto;
  ShardOver shard_over = ShardOver::kWorld;
  collectives::Timeout timeout = collectives::kDefaultTimeout;
  Precision precision = Precision::kFloat32;  // norms stay in float32
  std::optional<Precision> reduce_dtype = std::nullopt;
  LossScale loss_scale = constant_loss_scale(1);
  int accumulation = 1;  // backward passes a step, under no_sync() but for the last
  GateRule gate = [](std::int64_t, int) { return true; };
  Net net = Net::kOdd;
  bool keep_after_forward = false;
  std::int64_t whole_below_elements = 0;
  bool offload = false;
  bool guard_parameters = false;
  int ranks_per_node = 0;          // 0: all ranks on one node
  bool sleeps_in_between = false;  // this rank rests for a while now and then, in forward and backward
};

// Everything of it that does not hold its default value, for SCOPED_TRACE.
[[nodiscard]] std::string describe(const Trial& trial);

struct TrialResult {
  std::vector<double> losses;
  std::map<std::string, at::Tensor> parameters;  // and buffers, of rank 0
  std::int64_t gathered_bytes = 0;               // of parameters, while it trained
};

// Norms, in models of lower precision.
[[nodiscard]] bool stays_float32(const std::string& name);

[[nodiscard]] AdamWOptions adamw_options(const Trial& trial);

// Rows of rank `rank` of the global batch of `step`.
[[nodiscard]] Batch share_of_batch(const Trial& trial, std::int64_t step, int rank);

// A rank's rows of one step cut into trial.accumulation passes, some perhaps without rows.
struct Pass {
  std::int64_t first = 0;
  std::int64_t rows = 0;
  bool is_last = false;
};
[[nodiscard]] std::vector<Pass> passes(const Trial& trial, std::int64_t rows);
[[nodiscard]] Batch rows_of(const Batch& batch, const Pass& pass);

// Through Parallel, AdamW and steps(), as rank context.rank() of trial.ranks.
[[nodiscard]] TrialResult train_with_trireme(TrainContext& context, const Trial& trial);

// The same by ranks that are threads of this process, on one node; one result a rank.
[[nodiscard]] std::vector<TrialResult> train_on_threads(const Trial& trial, const WrapCommunicator& wrap = {});

// With LibTorch alone, in this thread: each rank's share in turn, gradients added in rank order within nodes, then in
// the order of nodes. With one rank it is the plain training on whole batches. With accumulation a rank's own gradients
// are added up first where ranks keep them (Zero::kOff and kOptimizer), else the ranks' are added in each pass. Masters
// are kept beside a converted model. Buffers are rank 0's.
[[nodiscard]] TrialResult train_rank_by_rank(const Trial& trial);

// Empty when equal bit for bit, else what differs first.
[[nodiscard]] std::string difference(const TrialResult& expected, const TrialResult& found);
// The largest absolute difference of any parameter element.
[[nodiscard]] double largest_parameter_difference(const TrialResult& expected, const TrialResult& found);

}  // namespace trireme::test
