#pragma once

#include <cstdint>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "trireme/runtime/batch.h"
#include "trireme/runtime/optimizer.h"
#include "trireme/runtime/parallel.h"
#include "trireme/runtime/state.h"
#include "trireme/runtime/timeline.h"
#include "trireme/runtime/train_context.h"

// The training loop's range:
//
//   for (auto& step : trireme::steps(context, parallel, optimizer, batches, checkpoints, {.until = 2000})) {
//     auto loss = parallel(step.batch().inputs, step.batch().targets);
//     step.backward(loss);
//     step.update();
//   }
namespace trireme {

// What a finished step was like. Loss and rates are over all ranks and equal on all; times are this rank's.
struct StepReport {
  std::int64_t step = 0;  // finished steps, counted from 1 over restarts
  std::int64_t until = 0;
  double loss = 0;  // mean over the samples of the global batch
  double learning_rate = 0;
  double gradient_norm = 0;  // before clipping
  double step_ms = 0;        // batch to optimizer, without checkpoints and observers
  double tokens_per_s = 0;   // elements of the targets
  double samples_per_s = 0;
  // Model FLOPs utilisation: what the model needed of what the machine could do; 0 when StepsOptions do not tell both.
  double mfu = 0;
  // Time blocked in wait after this rank's last gradient, without the part that was spent waiting for slower ranks.
  double exposed_comm_ms = 0;
  // That part: by how much the slowest rank's work since the last common point was longer than this rank's. An estimate
  // that needs no common clock.
  double straggler_ms = 0;
  bool skipped = false;          // the optimizer changed nothing …
  std::string skip_reason = {};  // … because of this
  bool is_last = false;          // no step follows
  bool stopped = false;          // because a rank was asked to stop
};

// Sees every finished step, on every rank, before the checkpoint. For progress lines, event files, validation.
class StepObserver {
 public:
  virtual ~StepObserver() = default;
  virtual void after_step(const StepReport& report) = 0;
};

struct StepsOptions {
  std::int64_t until = 0;                     // steps of the whole run, those before a restart included
  std::vector<StepObserver*> observers = {};  // not owned
  double flops_per_token = 0;                 // of the model, forward and backward
  double peak_flops = 0;                      // a second, of all ranks together: known, or measure_peak_flops()
  Timeline* timeline = nullptr;               // gets what the steps' parts took; not owned, outlives the loop
  std::vector<StateSource*> sources = {};     // kept with the rest: averages, …; not owned
};

class StepLoop;

// One step of the loop: forward by the caller, then backward(), then update(), each on every rank.
// A handle, cheap to copy, valid until the loop moves on. Throws Error when called out of order.
class Step {
 public:
  // Finished steps before this one.
  [[nodiscard]] std::int64_t index() const noexcept;
  [[nodiscard]] const Batch& batch() const noexcept;
  // `loss`: the mean over the batch's samples on this rank. With a batch of no samples the loss is not looked at.
  void backward(const at::Tensor& loss);
  // For accumulation under parallel.no_sync(): the mean over `samples` of the batch's samples.
  void backward(const at::Tensor& loss, std::int64_t samples);
  // Optimizer, report to the agent, observers, checkpoint.
  const StepReport& update();

 private:
  friend class Steps;
  explicit Step(StepLoop& loop) : loop_(&loop) {}
  StepLoop* loop_;
};

// The range. begin() restores the kept state and is collective, as is moving on. A signal or request_stop() on any rank
// ends the loop on all ranks after the step, with a checkpoint.
class Steps {
 public:
  Steps(TrainContext& context, ParallelModule& parallel, Optimizer& optimizer, BatchSource& batches,
        StateKeeper* keeper, StepsOptions options);
  ~Steps();
  Steps(Steps&&) noexcept;

  class Iterator {
   public:
    using value_type = Step;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::input_iterator_tag;
    explicit Iterator(Steps* steps) : steps_(steps) {}
    [[nodiscard]] Step& operator*() const;
    Iterator& operator++();
    [[nodiscard]] bool operator==(std::default_sentinel_t) const noexcept;

   private:
    Steps* steps_;
  };
  [[nodiscard]] Iterator begin();
  [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }
  // The last finished step's.
  [[nodiscard]] const StepReport& last() const noexcept;

 private:
  std::unique_ptr<StepLoop> loop_;
  Step step_;
};

// With `keeper` (Checkpoints), begins where the kept state ended and keeps the state of model, optimizer and batches.
[[nodiscard]] inline Steps steps(TrainContext& context, ParallelModule& parallel, Optimizer& optimizer,
                                 BatchSource& batches, StateKeeper& keeper, StepsOptions options) {
  return {context, parallel, optimizer, batches, &keeper, std::move(options)};
}
[[nodiscard]] inline Steps steps(TrainContext& context, ParallelModule& parallel, Optimizer& optimizer,
                                 BatchSource& batches, StepsOptions options) {
  return {context, parallel, optimizer, batches, nullptr, std::move(options)};
}

}  // namespace trireme
