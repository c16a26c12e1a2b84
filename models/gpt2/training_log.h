#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "train_options.h"
#include "training_rate.h"
#include "trireme/models/gpt2.h"
#include "trireme/runtime/metrics.h"
#include "trireme/runtime/parallel.h"
#include "trireme/runtime/steps.h"
#include "trireme/runtime/token_loader.h"
#include "trireme/runtime/train_context.h"

namespace trireme {

// Watches a training run: validates, keeps metrics, shows progress on rank 0, tells the agent, and ends the run when
// its time is up. Collective: every rank has one and sees the same steps. Refers to all that it is given.
class TrainingLog final : public StepObserver {
 public:
  TrainingLog(TrainContext& context, Parallel<Gpt2>& parallel, const TokenLoader& batches, const TrainOptions& options,
              std::shared_ptr<TimeBudget> budget, const std::string& run_dir);

  void after_step(const StepReport& report) override;
  // Validates what training ended with, unless it just was, and prints the result.
  void finish(const StepReport& last, const std::string& checkpoint_folder);

 private:
  void validate(std::int64_t step);
  void write(std::int64_t step, const MetricValues& values);
  [[nodiscard]] std::chrono::duration<double> remaining(const StepReport& report) const;
  [[nodiscard]] std::string summary_json(const StepReport& last, const std::string& checkpoint_folder) const;

  TrainContext& context_;
  Parallel<Gpt2>& parallel_;
  const TokenLoader& batches_;
  const TrainOptions& options_;
  std::shared_ptr<TimeBudget> budget_;
  std::string run_dir_;
  std::unique_ptr<MetricsWriter> metrics_;  // on rank 0 only
  std::unique_ptr<ProgressLine> progress_;  // on rank 0 only
  MetricValues values_;                     // the last of each
  std::int64_t first_step_ = -1;            // finished before this process began; -1: no step seen yet
  std::int64_t validated_step_ = -1;
  std::chrono::steady_clock::time_point flushed_;
};

}  // namespace trireme
