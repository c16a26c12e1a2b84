#include "training_log.h"

#include <c10/core/GradMode.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "trireme/base/message.h"

namespace trireme {
namespace {

constexpr std::int64_t kByteVocabulary = 256;

std::string three_decimals(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f", value);
  return text;
}

}  // namespace

TrainingLog::TrainingLog(TrainContext& context, Parallel<Gpt2>& parallel, const TokenLoader& batches,
                         const TrainOptions& options, std::shared_ptr<TimeBudget> budget, const std::string& run_dir)
    : context_(context),
      parallel_(parallel),
      batches_(batches),
      options_(options),
      budget_(std::move(budget)),
      run_dir_(run_dir) {
  if (!context.is_main()) return;
  metrics_ = std::make_unique<MetricsWriter>(run_dir);
  progress_ = std::make_unique<ProgressLine>(
      ProgressOptions{.is_terminal = ::isatty(STDOUT_FILENO) == 1,
                      .total_steps = options.steps || !options.minutes ? options.until() : 0});
}

void TrainingLog::after_step(const StepReport& report) {
  if (first_step_ < 0) first_step_ = report.step - 1;
  budget_->update(context_);
  if (budget_->used() >= 1) context_.request_stop();
  values_["loss"] = report.loss;
  values_["learning_rate"] = report.learning_rate;
  values_["gradient_norm"] = report.gradient_norm;
  values_["step_ms"] = report.step_ms;
  values_["tokens_per_s"] = report.tokens_per_s;
  values_["exposed_comm_ms"] = report.exposed_comm_ms;
  values_["straggler_ms"] = report.straggler_ms;
  values_["mfu"] = report.mfu;
  MetricValues fresh = values_;
  fresh.erase("val_loss");
  write(report.step, fresh);
  if (progress_) progress_->step(report.step, fresh, remaining(report));
  const bool is_due = options_.validate_every > 0 && report.step % options_.validate_every == 0;
  if (is_due && !report.is_last) validate(report.step);
}

void TrainingLog::write(std::int64_t step, const MetricValues& values) {
  if (!metrics_) return;
  metrics_->write(step, values);
  // Readers follow the run while it goes on; a flush a second is cheap beside a step.
  if (const auto now = std::chrono::steady_clock::now(); now - flushed_ >= std::chrono::seconds(1)) {
    metrics_->flush();
    flushed_ = now;
  }
}

void TrainingLog::validate(std::int64_t step) {
  const c10::NoGradGuard no_grad;
  parallel_->eval();
  values_["val_loss"] = validation_loss(context_.communicator(), batches_, [&](const Batch& batch) {
    return parallel_(batch.inputs, batch.targets).template item<double>();
  });
  parallel_->train();
  validated_step_ = step;
  write(step, {{"val_loss", values_["val_loss"]}});
  if (metrics_) metrics_->flush();
  if (progress_) progress_->note(message("step {}  validation loss {}", step, three_decimals(values_["val_loss"])));
  if (!context_.is_main()) return;
  context_.report({.phase = "validate",
                   .step = step,
                   .total_steps = options_.steps || !options_.minutes ? options_.until() : 0,
                   .metrics = values_});
}

std::chrono::duration<double> TrainingLog::remaining(const StepReport& report) const {
  const double left_of_time =
      budget_->used() > 0 ? (1 - budget_->used()) / budget_->used() * budget_->elapsed().count() : 1e300;
  const double per_step =
      budget_->elapsed().count() / static_cast<double>(std::max<std::int64_t>(1, report.step - first_step_));
  const double left_of_steps = per_step * static_cast<double>(report.until - report.step);
  return std::chrono::duration<double>(std::min(left_of_time, left_of_steps));
}

void TrainingLog::finish(const StepReport& last, const std::string& checkpoint_folder) {
  if (validated_step_ != last.step) validate(last.step);
  if (!context_.is_main()) return;
  const char* unit = batches_.vocabulary() == kByteVocabulary ? "byte" : "token";
  progress_->note(message("{} steps in {} s; checkpoint in {}", last.step,
                          static_cast<std::int64_t>(budget_->elapsed().count()), checkpoint_folder));
  progress_->note(message("validation loss {} nats per {} over the last {} {}s", three_decimals(values_["val_loss"]),
                          unit, batches_.validation_tokens(), unit));
  if (options_.json_summary) progress_->note(summary_json(last, checkpoint_folder));
}

std::string TrainingLog::summary_json(const StepReport& last, const std::string& checkpoint_folder) const {
  nlohmann::ordered_json summary{{"steps", last.step},
                                 {"seconds", budget_->elapsed().count()},
                                 {"ranks", context_.world_size()},
                                 {"parameters", parallel_.module()->config().parameter_count()},
                                 {"run_dir", run_dir_},
                                 {"checkpoints", checkpoint_folder},
                                 {"stopped", last.stopped}};
  for (const auto& [name, value] : values_) summary[name] = value;
  return summary.dump();
}

}  // namespace trireme
