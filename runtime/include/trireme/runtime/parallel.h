#pragma once

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "trireme/base/status_record.h"
#include "trireme/collectives/communicator.h"
#include "trireme/runtime/comm_hook.h"
#include "trireme/runtime/loss_scale.h"
#include "trireme/runtime/nonfinite_error.h"
#include "trireme/runtime/parameter_part.h"
#include "trireme/runtime/precision.h"
#include "trireme/runtime/state.h"
#include "trireme/runtime/train_context.h"
#include "trireme/runtime/zero.h"

namespace trireme {

// What ranks make of buffers that their forward passes change (running statistics).
enum class Buffers {
  kOwn,           // every rank's own after the start; rank 0's are saved
  kFromRankZero,  // rank 0's, sent to all before the first forward pass of a step in training mode, as DDP does
};

struct ParallelOptions {
  Zero zero = Zero::kOff;
  Sharing sharing = Sharing::kAuto;
  ShardOver shard_over = ShardOver::kWorld;
  // kParameters: trainable parameters of fewer elements stay whole on every rank.
  std::int64_t whole_below_elements = 0;
  // kParameters: units stay gathered from forward to backward, for more speed and memory.
  bool keep_after_forward = false;
  // Host memory holds what optimizers work on, float32 masters of the parts and their state, and optimizers run there;
  // a GPU keeps parameters and gradients alone. On a CPU it only costs the masters.
  bool offload = false;
  // What the model computes in; see "Precision" below.
  Precision precision = Precision::kFloat32;
  // Parameters that stay as the user built them, for example norms; they are asked for by name.
  ParameterFilter keep_float32 = nullptr;
  // What gradients are accumulated and reduced in; by default each in its parameter's dtype. Sums over ranks are made
  // in float32 and rounded once (twice between nodes).
  std::optional<Precision> reduce_dtype = std::nullopt;
  // By default kFp16 has LossScale{}, and other losses are not scaled.
  std::optional<LossScale> loss_scale = std::nullopt;
  // Training ends with NonfiniteError when so many steps in a row had gradients that are not finite; 0: never.
  std::int64_t throw_after_skips = 0;
  // Gradients are reduced in buckets of about this size. Larger ones overflow a CPU's last cache, smaller ones cost
  // calls.
  std::size_t bucket_bytes = std::size_t{4} << 20;
  // The first bucket is small, so that communication starts early in the backward pass.
  std::size_t first_bucket_bytes = std::size_t{1} << 20;
  collectives::Timeout timeout = collectives::kDefaultTimeout;
  // With Zero::kOff: sums the gradients in place of a plain sum (comm_hook.h). Sparse gradients pass it by.
  std::shared_ptr<CommHook> comm_hook = nullptr;
  Buffers buffers = Buffers::kOwn;
  // For debugging, with Zero on a CPU, where whole parameters lie in communicator memory: they can only be read between
  // updates. A write that did not go through update(), write_parts() or write_parameters(), which another rank might
  // see in the middle of its pass, ends the process with a line that names the parameter.
  bool guard_parameters = false;
};

// What happened in a backward pass, for tests and for people who tune buckets.
enum class TraceEvent { kGradientReady, kBucketPosted, kWaitBegin, kWaitEnd, kGatherBegin, kGatherEnd };
struct TraceEntry {
  TraceEvent event = TraceEvent::kGradientReady;
  // Of the parameter for kGradientReady; of the unit (0: the rest of the model) for a gather of Zero::kParameters that
  // is waited for, of the bucket for others; else of the bucket.
  std::size_t index = 0;
  std::chrono::steady_clock::time_point at;
};

struct BackwardTimes {
  std::chrono::steady_clock::time_point last_gradient;  // all of this rank's gradients are there
  std::chrono::steady_clock::duration blocked{};        // spent waiting for reductions after that
};

// A model trained by all ranks together: gradients are summed over the ranks while backward still runs, and
// ParallelOptions::zero says how much of the training state every rank holds.
//
// Construction is collective: ranks compare their models, take rank 0's parameters and buffers, and lay gradients and
// parameters out in communicator memory. Parameters that require no gradient at construction are never reduced. A
// parameter registered twice (tied weights) counts once, under its first name. A parameter that no rank used in a step
// has no gradient, so optimizers skip it. ParallelOptions::buffers says what becomes of running statistics.
//
// A module may be used several times in a pass. Several Parallels may live in one process: their passes are collective
// one after the other, in the same order on every rank; for a loss of several of them there is a backward() of its own.
//
// Gradients: with Zero::kOff, `parameter.grad()` is the sum between backward() and zero_grad(), and any torch::optim
// works. The weight of an Embedding or EmbeddingBag with sparse(true) then has a sparse gradient, whose rows alone
// travel (parts() have it dense, for optimizers that know no sparse one). The first step that reduces lays the buckets
// out anew, in the order in which gradients came. With ZeRO a rank has the sums of its parts() only, and parameters are
// written through update() or write_parameters(), never directly. With Zero::kParameters a parameter has values only
// inside the passes of its Unit (of the whole model, outside of units); whole_parameter() gives them at any time, and
// the module holds none after the Parallel is gone. From kGradients on, every backward() is collective, those under
// no_sync() too.
//
// A model built under deferred_init() gets its values here, one parameter at a time.
//
// Precision: with kBf16 and kFp16 every float32 parameter, trained or frozen, is rounded to that type. Buffers stay,
// and so do parameters of other dtypes, those that keep_float32 names, and those of modules that have floating-point
// buffers (BatchNorm), which need both alike. Inputs are the user's to convert, and the loss should be computed in
// float32. The rank that updates an element keeps its float32 master: parts(), whole_parameter(), write_parameters()
// and checkpoints show masters, which begin with the values given, not rounded ones. Gradients are then not in
// parameter.grad(), so only optimizers of parts() work; the same holds with a loss scale, or a
// reduce_dtype other than the parameters'. A step whose gradients are not finite is skipped by all ranks together.
//
// Lifetime: refers to the context and shares the module; hooks leave the module on destruction.
// Threads: construction, forward, backward and everything else on one thread.
// Failure: after a CommError the object is unusable; MismatchError when the ranks' models differ, naming the parameter.
class ParallelModule : public StateSource {
 public:
  ParallelModule(std::shared_ptr<torch::nn::Module> module, TrainContext& context, const ParallelOptions& options);
  ~ParallelModule() override;
  ParallelModule(const ParallelModule&) = delete;
  ParallelModule& operator=(const ParallelModule&) = delete;

  // Runs backward from weight * loss, reduces, and returns when every gradient is the sum over all ranks. Collective.
  // `loss` is the mean over this rank's samples, `weight` their share of the global batch (samples / global_samples),
  // so the gradients become those of the mean over the global batch. A rank without samples passes weight 0; its loss
  // is not looked at. Throws Error when the gradients of an earlier backward were not cleared.
  void backward(const at::Tensor& loss, double weight);
  // All ranks have equally many samples.
  void backward(const at::Tensor& loss) { backward(loss, 1.0 / context_.world_size()); }
  // One backward pass of a loss to which several models contribute; each of them reduces. The same models in the same
  // order on all ranks. Throws ConfigError when their loss scales differ.
  static void backward(const std::vector<ParallelModule*>& models, const at::Tensor& loss, double weight);
  // Drops all gradients. Ends the step, when they were reduced.
  void zero_grad();

  // While the guard lives, backward() adds to this rank's own gradients and nothing is reduced; the first backward()
  // after it reduces the sum. For gradient accumulation.
  class [[nodiscard]] NoSync {
   public:
    explicit NoSync(ParallelModule& parallel);
    ~NoSync();
    NoSync(const NoSync&) = delete;
    NoSync& operator=(const NoSync&) = delete;

   private:
    ParallelModule& parallel_;
  };
  NoSync no_sync() { return NoSync(*this); }

  // Trainable parameters, each once, in the order of registration. The same on every rank.
  [[nodiscard]] const std::vector<NamedParameter>& parameters() const noexcept;
  // L2 norm over all gradients of the last backward(), without the loss scale; the same on every rank and at every
  // stage. Not finite when a gradient is not.
  [[nodiscard]] double gradient_norm() const noexcept;
  // What the gradients of parts() and whole_gradient() are to be multiplied with: 1 / the loss scale. Optimizers fold
  // it into their first multiplication.
  [[nodiscard]] double gradient_scale() const noexcept;
  // What losses are multiplied with in backward(); changes only in zero_grad().
  [[nodiscard]] double loss_scale() const noexcept;
  // Collective, for a norm that is not finite: why this step is to be skipped. Says whether the loss or which
  // parameter's gradient had it first, on which ranks, since which step, and what becomes of the loss scale. Throws
  // NonfiniteError after throw_after_skips steps in a row.
  [[nodiscard]] std::string explain_nonfinite_gradient();

  // What this rank updates, in an order that stays.
  [[nodiscard]] const std::vector<ParameterPart>& parts() const noexcept;
  // Collective. Calls `change` once for each part that has a gradient, with its index in parts(), to write its values;
  // on return all ranks see what all wrote. No forward or backward pass may be running.
  void update(const std::function<void(std::size_t)>& change);
  // The same for several parts at a time: calls `change` with how many parts come next, of those that have a gradient,
  // in the order of parts().
  void update_together(const std::function<void(std::size_t)>& change);
  // Collective, between steps. The same for every part, with a gradient or without: for swapping in what is kept by
  // part, such as averages, without making parameters whole.
  void write_parts(const std::function<void(std::size_t)>& write);
  // How state that optimizers keep by part goes to checkpoints: all parts, cut so that all ranks write about as much.
  [[nodiscard]] const std::vector<PartSlice>& part_slices() const noexcept;
  // Collective. A copy of parameter `index` of parameters() (of its master, where it has one), or of its gradient
  // (undefined when no rank used it), whole.
  [[nodiscard]] at::Tensor whole_parameter(std::size_t index);
  [[nodiscard]] at::Tensor whole_gradient(std::size_t index);
  // Collective, at any stage: shows `write` each parameter whole, with its name, and keeps what it leaves there. It
  // must write the same on every rank. For initialising, loading, or swapping in averages.
  void write_parameters(const std::function<void(const std::string& name, at::Tensor& whole)>& write);
  // Parameter bytes that this rank received from others so far. Zero where ranks share one copy.
  [[nodiscard]] std::int64_t gathered_bytes() const noexcept;
  // Gradient bytes that this rank put into reductions so far.
  [[nodiscard]] std::int64_t reduced_bytes() const noexcept;
  // What zero_memory() gives for this model, stage and world, with so many tensors of optimizer state.
  [[nodiscard]] ZeroMemory formula_memory(int optimizer_tensors) const;
  // Units gather their parameters, so every rank must run the same ones in each step.
  [[nodiscard]] bool gathers_units() const noexcept;
  // One line: the stage, who shares what, and the bytes a rank holds.
  [[nodiscard]] std::string describe() const;
  [[nodiscard]] const ParallelOptions& options() const noexcept;

  [[nodiscard]] TrainContext& context() noexcept { return context_; }
  [[nodiscard]] const BackwardTimes& last_backward() const noexcept;
  // The reduction posted last; sequence counts from 1.
  [[nodiscard]] const CollectiveStatus& last_collective() const noexcept;
  // Appends the events of later backward passes to `trace`, which must outlive the recording; null ends it.
  void record_trace(std::vector<TraceEntry>* trace) noexcept;

  // Parameters and buffers, split among the ranks by bytes so that a checkpoint is written by all of them.
  [[nodiscard]] std::vector<TensorSlice> tensor_slices() override;
  [[nodiscard]] std::string shard_name() const override { return "model"; }
  // Finished steps and the state of the loss scale. Checkpoints without them can be loaded.
  [[nodiscard]] std::map<std::string, std::string> scalars() const override;
  void load_scalars(const std::map<std::string, std::string>& scalars) override;
  void before_load() override;
  void after_load() override;

 protected:
  // Before the module's forward pass: gathers what lies in no Unit, under Zero::kParameters; sends buffers.
  void begin_forward();

 private:
  struct State;
  void begin_backward(const at::Tensor& loss, double weight, bool posts_early);
  void end_backward();
  // Shows `write` each trained parameter whole, and keeps what it leaves there.
  void write_trained(const std::function<void(std::size_t parameter, at::Tensor& whole)>& write);
  // Makes the values of parameters built under deferred_init().
  void write_deferred();
  TrainContext& context_;
  std::unique_ptr<State> state_;
};

namespace detail {
template <typename Contained>
std::shared_ptr<torch::nn::Module> as_module(const torch::nn::ModuleHolder<Contained>& holder) {
  return holder.ptr();
}
template <typename Module>
std::shared_ptr<torch::nn::Module> as_module(const std::shared_ptr<Module>& module) {
  return module;
}
}  // namespace detail

// ParallelModule for a module holder (TORCH_MODULE) or a shared_ptr to a module; calling it calls the module's forward.
template <typename Holder>
class Parallel : public ParallelModule {
 public:
  Parallel(Holder model, TrainContext& context, const ParallelOptions& options = {})
      : ParallelModule(detail::as_module(model), context, options), model_(std::move(model)) {}

  template <typename... Args>
  auto operator()(Args&&... args) {
    begin_forward();
    return model_->forward(std::forward<Args>(args)...);
  }
  [[nodiscard]] Holder& module() noexcept { return model_; }
  // For other passes than forward(). Collective under Zero::kParameters.
  [[nodiscard]] auto* operator->() {
    begin_forward();
    return &*model_;
  }

 private:
  Holder model_;
};

}  // namespace trireme
