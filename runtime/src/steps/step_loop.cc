#include "steps/step_loop.h"

#include <torch/torch.h>

#include <algorithm>
#include <numeric>

#include "steps/memory_use.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme {
namespace {

double mebibytes(std::int64_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

double milliseconds(std::chrono::steady_clock::duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

}  // namespace

StepLoop::StepLoop(TrainContext& context, ParallelModule& parallel, Optimizer& optimizer, BatchSource& batches,
                   StateKeeper* keeper, StepsOptions options)
    : context_(context),
      parallel_(parallel),
      optimizer_(optimizer),
      batches_(batches),
      keeper_(keeper),
      options_(std::move(options)),
      sources_{&parallel, &optimizer, &batches},
      model_state_mib_(mebibytes(parallel.formula_memory(optimizer.state_tensors()).total())) {
  sources_.insert(sources_.end(), options_.sources.begin(), options_.sources.end());
  if (options_.until < 0) throw ConfigError(message("steps() cannot run until step {}.", options_.until));
}

StepLoop::~StepLoop() {
  if (options_.timeline != nullptr) parallel_.record_trace(nullptr);
}

void StepLoop::start() {
  if (keeper_ != nullptr) finished_ = keeper_->restore(sources_);
  if (finished_ > 0) context_.seed_generator(finished_);
  report_.step = finished_;
  report_.until = options_.until;
  context_.communicator().barrier();
  common_point_ = Clock::now();
  if (!is_done()) take_batch();
}

void StepLoop::take_batch() {
  step_begin_ = Clock::now();
  batch_ = batches_.next();
  if (batch_.global_samples <= 0 || batch_.samples > batch_.global_samples) {
    throw ConfigError(message("A batch has {} samples on rank {} and {} on all ranks; BatchSource::next() sets both.",
                              batch_.samples, context_.rank(), batch_.global_samples));
  }
  loss_sum_ = 0;
  samples_ = 0;
  stage_ = Stage::kForward;
  if (options_.timeline != nullptr) begin_recording();
}

void StepLoop::begin_recording() {
  is_recording_ = options_.timeline->begin_step();
  trace_.clear();
  parallel_.record_trace(is_recording_ ? &trace_ : nullptr);
  times_ = {.step = finished_ + 1, .begin = step_begin_, .batch_ready = Clock::now()};
}

void StepLoop::keep_timeline() {
  times_.last_gradient = parallel_.last_backward().last_gradient;
  times_.waited = times_.last_gradient + parallel_.last_backward().blocked;
  times_.straggler =
      std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double, std::milli>(report_.straggler_ms));
  times_.exchanged = common_point_;
  times_.end = step_end_;
  options_.timeline->add(spans_of_step(times_, trace_));
}

void StepLoop::move_on() {
  if (stage_ != Stage::kUpdated) {
    throw Error(
        message("Step {} ended without step.update(). Call step.backward(loss) and step.update() in each round of "
                "the loop.",
                finished_ + 1));
  }
  if (!is_done()) take_batch();
}

void StepLoop::backward(const at::Tensor& loss, std::int64_t samples) {
  if (stage_ == Stage::kUpdated) throw Error("step.backward() was called after step.update().");
  if (samples > 0) loss_sum_ += loss.item<double>() * static_cast<double>(samples);
  samples_ += samples;
  stage_ = Stage::kBackward;
  const auto begin = Clock::now();
  parallel_.backward(loss, static_cast<double>(samples) / static_cast<double>(batch_.global_samples));
  if (is_recording_) times_.passes.push_back({begin, Clock::now()});
}

const StepReport& StepLoop::update() {
  if (stage_ != Stage::kBackward) throw Error("step.update() was called without step.backward(loss) before it.");
  const auto world = exchange(share(), context_.communicator());
  common_point_ = Clock::now();
  const auto update = optimizer_.step();
  parallel_.zero_grad();
  ++finished_;
  stage_ = Stage::kUpdated;
  fill_report(world, update);
  if (is_recording_) keep_timeline();
  finish_step();
  return report_;
}

RankShare StepLoop::share() const {
  return {.loss_sum = loss_sum_,
          .samples = static_cast<double>(samples_),
          .tokens = batch_.targets.defined() ? static_cast<double>(batch_.targets.numel()) : 0,
          .busy_ms = milliseconds(parallel_.last_backward().last_gradient - common_point_),
          .wants_stop = context_.stop_requested() ? 1.0 : 0.0};
}

void StepLoop::fill_report(const WorldShare& world, const UpdateReport& update) {
  step_end_ = Clock::now();
  const auto step_time = step_end_ - step_begin_;
  const auto seconds = std::max(std::chrono::duration<double>(step_time).count(), 1e-9);
  report_ = {.step = finished_,
             .until = options_.until,
             .loss = world.loss,
             .learning_rate = update.learning_rate,
             .gradient_norm = update.gradient_norm};
  report_.step_ms = milliseconds(step_time);
  report_.tokens_per_s = world.tokens / seconds;
  report_.samples_per_s = world.samples / seconds;
  if (options_.peak_flops > 0) report_.mfu = report_.tokens_per_s * options_.flops_per_token / options_.peak_flops;
  report_.straggler_ms = std::min(world.straggler_ms, milliseconds(parallel_.last_backward().blocked));
  report_.exposed_comm_ms = milliseconds(parallel_.last_backward().blocked) - report_.straggler_ms;
  report_.skipped = update.skipped;
  report_.skip_reason = update.reason;
  report_.stopped = world.wants_stop && finished_ < options_.until;
  report_.is_last = world.wants_stop || finished_ >= options_.until;
}

void StepLoop::finish_step() {
  if (report_.skipped) context_.print(message("step {} skipped: {}", report_.step, report_.skip_reason));
  tell_agent();
  for (auto* observer : options_.observers) observer->after_step(report_);
  if (keeper_ != nullptr) keeper_->after_step(finished_, report_.is_last, sources_);
}

void StepLoop::tell_agent() {
  if (!context_.status().is_connected()) return;
  StatusRecord record;
  record.phase = report_.is_last ? "done" : "train";
  record.step = report_.step;
  record.total_steps = report_.until;
  record.metrics = {{"loss", report_.loss},
                    {"learning_rate", report_.learning_rate},
                    {"gradient_norm", report_.gradient_norm},
                    {"step_ms", report_.step_ms},
                    {"tokens_per_s", report_.tokens_per_s},
                    {"exposed_comm_ms", report_.exposed_comm_ms},
                    {"straggler_ms", report_.straggler_ms},
                    {"memory_mib", resident_mebibytes()},
                    {"model_state_mib", model_state_mib_},
                    {"reduced_mib", mebibytes(parallel_.reduced_bytes() - told_reduced_bytes_)}};
  told_reduced_bytes_ = parallel_.reduced_bytes();
  if (report_.mfu > 0) record.metrics["mfu"] = report_.mfu;
  context_.report(std::move(record));
}

}  // namespace trireme
