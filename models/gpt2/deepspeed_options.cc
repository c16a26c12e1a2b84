#include "deepspeed_options.h"

#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme {
namespace {

void apply_optimizer(const DeepSpeedOptimizer& optimizer, TrainOptions& options) {
  const bool is_adam = optimizer.type == "adam" || optimizer.type == "adamw";
  if (!is_adam || !optimizer.decouples_decay) {
    throw ConfigError(
        message("{}: the optimizer is {}, but train_gpt2 has AdamW only; take \"optimizer\" out of the "
                "file, or make it AdamW.",
                options.deepspeed_config.value_or("the DeepSpeed configuration"),
                is_adam ? "Adam without adam_w_mode" : optimizer.type));
  }
  options.beta1 = optimizer.beta1;
  options.beta2 = optimizer.beta2;
  options.epsilon = optimizer.epsilon;
  if (!options.given.contains("--learning-rate")) options.learning_rate = optimizer.learning_rate;
  if (!options.given.contains("--weight-decay")) options.weight_decay = optimizer.weight_decay;
}

}  // namespace

void apply_deepspeed(const DeepSpeedConfig& config, TrainOptions& options) {
  const auto is_open = [&](const char* name) { return !options.given.contains(name); };
  const auto& parallel = config.parallel;
  if (is_open("--zero")) options.zero = parallel.zero;
  if (is_open("--shard-over")) options.shard_over = parallel.shard_over;
  if (is_open("--precision")) {
    options.precision = parallel.precision;
    options.loss_scale = parallel.loss_scale;
  }
  if (is_open("--reduce-dtype")) options.reduce_dtype = parallel.reduce_dtype;
  if (is_open("--accumulation")) options.accumulation = static_cast<int>(config.accumulation);
  if (is_open("--batch") && config.global_batch) options.batch = *config.global_batch;
  if (is_open("--clip") && config.clip_norm) options.clip = *config.clip_norm;
  options.whole_below_elements = parallel.whole_below_elements;
  options.offload = options.offload || parallel.offload;
  if (config.optimizer) apply_optimizer(*config.optimizer, options);
  if (is_open("--learning-rate") && is_open("--warmup")) options.schedule = config.schedule;
}

}  // namespace trireme
