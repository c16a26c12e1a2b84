#pragma once

#include <chrono>

#include "steps/rank_share.h"
#include "timeline/step_spans.h"
#include "trireme/runtime/steps.h"

namespace trireme {

// The state of a running loop. One step passes through kForward, kBackward (repeated when accumulating) and kUpdated.
class StepLoop {
 public:
  StepLoop(TrainContext& context, ParallelModule& parallel, Optimizer& optimizer, BatchSource& batches,
           StateKeeper* keeper, StepsOptions options);
  ~StepLoop();
  StepLoop(const StepLoop&) = delete;
  StepLoop& operator=(const StepLoop&) = delete;

  // Restores, meets the other ranks, and takes the first batch.
  void start();
  void move_on();
  [[nodiscard]] bool is_done() const noexcept { return report_.is_last || finished_ >= options_.until; }

  [[nodiscard]] std::int64_t finished() const noexcept { return finished_; }
  [[nodiscard]] const Batch& batch() const noexcept { return batch_; }
  [[nodiscard]] const StepReport& report() const noexcept { return report_; }
  void backward(const at::Tensor& loss, std::int64_t samples);
  const StepReport& update();

 private:
  enum class Stage { kForward, kBackward, kUpdated };
  using Clock = std::chrono::steady_clock;

  void take_batch();
  void begin_recording();
  void keep_timeline();
  [[nodiscard]] RankShare share() const;
  void fill_report(const WorldShare& world, const UpdateReport& update);
  void tell_agent();
  void finish_step();

  TrainContext& context_;
  ParallelModule& parallel_;
  Optimizer& optimizer_;
  BatchSource& batches_;
  StateKeeper* keeper_;
  StepsOptions options_;
  std::vector<StateSource*> sources_;

  Stage stage_ = Stage::kUpdated;
  std::int64_t finished_ = 0;
  std::int64_t told_reduced_bytes_ = 0;
  const double model_state_mib_;  // of this rank, by the ZeRO formula
  Batch batch_;
  double loss_sum_ = 0;
  std::int64_t samples_ = 0;
  Clock::time_point step_begin_;
  Clock::time_point step_end_;
  Clock::time_point common_point_;  // when all ranks were last known to be at the same place
  StepReport report_;
  bool is_recording_ = false;  // this step goes to the timeline
  StepTimes times_;
  std::vector<TraceEntry> trace_;
};

}  // namespace trireme
