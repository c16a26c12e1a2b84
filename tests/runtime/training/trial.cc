#include "training/trial.h"

#include <torch/torch.h>

#include <algorithm>
#include <random>
#include <thread>

#include "trireme/base/message.h"

namespace trireme::test {
namespace {

constexpr std::int64_t kLength = 5;

std::int64_t token(std::int64_t step, std::int64_t row, std::int64_t position) {
  return (step * 31 + row * 17 + position * 7 + step * row) % TrialNet::kTokens;
}

class TrialBatches final : public BatchSource {
 public:
  TrialBatches(const Trial& trial, int rank) : trial_(trial), rank_(rank) {}
  Batch next() override { return share_of_batch(trial_, step_++, rank_); }
  std::vector<TensorSlice> tensor_slices() override { return {}; }
  std::map<std::string, std::string> scalars() const override { return {{"batches.step", std::to_string(step_)}}; }
  void load_scalars(const std::map<std::string, std::string>& scalars) override {
    step_ = std::stoll(scalars.at("batches.step"));
  }

 private:
  const Trial& trial_;
  int rank_;
  std::int64_t step_ = 0;
};

// Of a model whose trainable parameters may be sharded.
std::map<std::string, at::Tensor> copies(ParallelModule& parallel, const torch::nn::Module& module) {
  std::map<std::string, at::Tensor> result;
  for (std::size_t i = 0; i < parallel.parameters().size(); ++i) {
    result[parallel.parameters()[i].name] = parallel.whole_parameter(i).cpu();
  }
  for (const auto& item : module.named_parameters()) {
    if (!item.value().requires_grad()) result[item.key()] = item.value().detach().cpu().clone();
  }
  if (parallel.context().rank() > 0) return result;
  for (const auto& item : module.named_buffers()) result[item.key()] = item.value().cpu().clone();
  return result;
}

std::function<void()> rests_of(int rank) {
  return [random = std::make_shared<std::minstd_rand>(static_cast<unsigned>(rank + 1))] {
    std::this_thread::sleep_for(std::chrono::microseconds((*random)() % 3 * 500));
  };
}

std::shared_ptr<TrialNet> net_of(const Trial& trial, int rank) {
  auto net = make_net(trial.net);
  if (trial.sleeps_in_between) net->disturb = rests_of(rank);
  return net;
}

}  // namespace

std::string describe(const Trial& trial) {
  return message("{}, {} ranks ({} a node), zero {} over {}, {}, {}, reduced in {}, {} passes, {} rows{}{}{}",
                 to_string(trial.net), trial.ranks, trial.ranks_per_node == 0 ? trial.ranks : trial.ranks_per_node,
                 to_string(trial.zero), trial.shard_over == ShardOver::kNode ? "node" : "world",
                 trial.sharing == Sharing::kOff ? "not shared" : "shared", to_string(trial.precision),
                 trial.reduce_dtype ? to_string(*trial.reduce_dtype) : "the same", trial.accumulation, trial.rows,
                 trial.sleeps_in_between ? ", disturbed" : "", trial.offload ? ", offloaded" : "",
                 trial.guard_parameters ? ", guarded" : "");
}

bool stays_float32(const std::string& name) { return name.find("norm") != std::string::npos; }

AdamWOptions adamw_options(const Trial& trial) {
  AdamWOptions options{.learning_rate = 1e-2, .weight_decay = 0.1};
  options.clip_norm = trial.clip_norm;
  return options;
}

Batch share_of_batch(const Trial& trial, std::int64_t step, int rank) {
  const auto first = trial.rows * rank / trial.ranks;
  const auto last = trial.rows * (rank + 1) / trial.ranks;
  auto tokens = at::empty({last - first, kLength + 1}, at::kLong);
  for (auto row = first; row < last; ++row) {
    for (std::int64_t i = 0; i <= kLength; ++i) tokens[row - first][i] = token(step, row, i);
  }
  return {tokens.narrow(1, 0, kLength).contiguous(), tokens.narrow(1, 1, kLength).contiguous(), last - first,
          trial.rows};
}

std::vector<Pass> passes(const Trial& trial, std::int64_t rows) {
  std::vector<Pass> result;
  for (int pass = 0; pass < trial.accumulation; ++pass) {
    const auto first = rows * pass / trial.accumulation;
    result.push_back({first, rows * (pass + 1) / trial.accumulation - first, pass + 1 == trial.accumulation});
  }
  return result;
}

Batch rows_of(const Batch& batch, const Pass& pass) {
  return {batch.inputs.narrow(0, pass.first, pass.rows), batch.targets.narrow(0, pass.first, pass.rows), pass.rows,
          batch.global_samples};
}

TrialResult train_with_trireme(TrainContext& context, const Trial& trial) {
  // Small buckets, so that there are several.
  Parallel parallel(net_of(trial, context.rank()), context,
                    {.zero = trial.zero,
                     .sharing = trial.sharing,
                     .shard_over = trial.shard_over,
                     .whole_below_elements = trial.whole_below_elements,
                     .keep_after_forward = trial.keep_after_forward,
                     .offload = trial.offload,
                     .precision = trial.precision,
                     .keep_float32 = stays_float32,
                     .reduce_dtype = trial.reduce_dtype,
                     .loss_scale = trial.loss_scale,
                     .bucket_bytes = 400,
                     .first_bucket_bytes = 100,
                     .timeout = trial.timeout,
                     .buffers = Buffers::kFromRankZero,
                     .guard_parameters = trial.guard_parameters});
  AdamW optimizer(parallel, adamw_options(trial));
  TrialBatches batches(trial, context.rank());
  TrialResult result;
  for (auto& step : steps(context, parallel, optimizer, batches, {.until = trial.steps})) {
    for (const auto& pass : passes(trial, step.batch().samples)) {
      std::optional<ParallelModule::NoSync> guard;
      if (!pass.is_last) guard.emplace(parallel);
      const auto rows = rows_of(step.batch(), pass);
      const auto inputs = rows.inputs.to(context.device());
      const auto targets = rows.targets.to(context.device());
      step.backward(parallel(inputs, targets, trial.gate(step.index(), context.rank())), rows.samples);
    }
    result.losses.push_back(step.update().loss);
  }
  result.gathered_bytes = parallel.gathered_bytes();
  result.parameters = copies(parallel, *parallel.module());
  return result;
}

std::vector<TrialResult> train_on_threads(const Trial& trial, const WrapCommunicator& wrap) {
  std::vector<TrialResult> results(static_cast<std::size_t>(trial.ranks));
  const auto train = [&](TrainContext& context) {
    results[static_cast<std::size_t>(context.rank())] = train_with_trireme(context, trial);
  };
  run_thread_contexts(trial.ranks, train, wrap);
  return results;
}

std::string difference(const TrialResult& expected, const TrialResult& found) {
  for (std::size_t i = 0; i < expected.losses.size(); ++i) {
    if (i >= found.losses.size()) return message("ends after {} steps", i);
    if (expected.losses[i] != found.losses[i]) {
      return message("loss of step {}: {} is not {}", i, found.losses[i], expected.losses[i]);
    }
  }
  for (const auto& [name, tensor] : found.parameters) {
    if (!at::equal(tensor, expected.parameters.at(name))) return "parameter " + name;
  }
  return expected.losses.size() == found.losses.size() ? "" : "number of steps";
}

double largest_parameter_difference(const TrialResult& expected, const TrialResult& found) {
  double largest = 0;
  for (const auto& [name, tensor] : found.parameters) {
    largest = std::max(largest, (tensor - expected.parameters.at(name)).abs().max().item<double>());
  }
  return largest;
}

}  // namespace trireme::test
