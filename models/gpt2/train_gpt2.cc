// Trains a GPT-2. See README.md beside this file, or train_gpt2 --help.
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "deepspeed_options.h"
#include "exit_codes.h"
#include "train_options.h"
#include "training_log.h"
#include "training_rate.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"
#include "trireme/models/gpt2.h"
#include "trireme/runtime/adamw.h"
#include "trireme/runtime/checkpoint.h"
#include "trireme/runtime/deferred_init.h"
#include "trireme/runtime/model_flops.h"
#include "trireme/runtime/parallel.h"
#include "trireme/runtime/steps.h"
#include "trireme/runtime/token_loader.h"
#include "trireme/runtime/train_context.h"

namespace trireme {
namespace {

constexpr const char* kProgram = "train_gpt2";

std::string time_name() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  ::localtime_r(&now, &local);
  char text[32];
  std::strftime(text, sizeof text, "runs/%Y%m%d-%H%M%S", &local);
  return text;
}

// The same on every rank. A run that is resumed without saying where goes on in the run directory it comes from.
std::string choose_run_dir(TrainContext& context, const TrainOptions& options) {
  const auto& given = options.run_dir ? options.run_dir : context.environment().run_dir;
  if (given) return *given;
  if (options.resume && !options.resume_from) {
    throw ConfigError("--resume needs --run-dir DIR (or TRIREME_RUN_DIR), or the checkpoint: --resume PATH");
  }
  return context.communicator().broadcast_bytes(time_name(), 0);
}

// A run directory stands for the checkpoints in it.
std::string checkpoint_path(const std::string& path) {
  if (!std::filesystem::is_directory(path)) throw ConfigError(message("--resume {}: there is no such folder", path));
  const std::filesystem::path inside = std::filesystem::path(path) / "checkpoints";
  return std::filesystem::is_directory(inside) ? inside.string() : path;
}

CheckpointOptions checkpoint_options(const TrainOptions& options, const Gpt2Config& config) {
  CheckpointOptions checkpoints{.every_steps = options.checkpoint_every,
                                .keep = options.keep,
                                .resume = options.resume,
                                .metadata = config.metadata()};
  if (options.resume_from) checkpoints.resume_from = checkpoint_path(*options.resume_from);
  return checkpoints;
}

// What the command line says, over what a DeepSpeed configuration says.
TrainOptions settle(TrainOptions options, TrainContext& context) {
  if (!options.deepspeed_config) return options;
  const auto config = read_deepspeed_config(*options.deepspeed_config, context.world_size());
  apply_deepspeed(config, options);
  context.print(message("{}; options of the command line win:\n{}", *options.deepspeed_config, config.report()));
  return options;
}

// What the model's matrix products are of, where their speed depends on it.
at::TensorOptions peak_kind(TrainContext& context, const TrainOptions& options) {
  const auto kind = at::TensorOptions(context.device());
  return context.device().is_cpu() ? kind : kind.dtype(dtype_of(options.precision));
}

// One step's passes, each over a part of this rank's rows.
void run_passes(Parallel<Gpt2>& parallel, Step& step, int passes) {
  const Batch& batch = step.batch();
  for (int pass = 0; pass < passes; ++pass) {
    const auto first = batch.samples * pass / passes;
    const auto rows = batch.samples * (pass + 1) / passes - first;
    std::optional<ParallelModule::NoSync> guard;
    if (pass + 1 < passes) guard.emplace(parallel);
    step.backward(parallel(batch.inputs.narrow(0, first, rows), batch.targets.narrow(0, first, rows)), rows);
  }
}

int train(const TrainOptions& wishes, int argc, char** argv) {
  const TokenFile readable(wishes.data);  // bad data is told before ranks wait for each other
  TrainContext context(argc, argv, {.seed = wishes.seed});
  const TrainOptions options = settle(wishes, context);
  const std::string run_dir = choose_run_dir(context, options);
  const std::string checkpoint_folder = run_dir + "/checkpoints";

  TokenLoader batches(context, options.data,
                      {.global_batch = options.batch, .length = options.length, .seed = options.seed});
  const Gpt2Config config = options.model(batches.vocabulary());
  // A model larger than a rank's memory can be sharded.
  Parallel<Gpt2> parallel(deferred_init([&] { return Gpt2(config); }), context,
                          {.zero = options.zero,
                           .sharing = options.sharing,
                           .shard_over = options.shard_over,
                           .whole_below_elements = options.whole_below_elements,
                           .offload = options.offload,
                           .precision = options.precision,
                           .reduce_dtype = options.reduce_dtype,
                           .loss_scale = options.loss_scale,
                           .guard_parameters = options.guard_parameters});
  const auto budget = std::make_shared<TimeBudget>(options.minutes);
  AdamW optimizer(
      parallel,
      {.schedule = options.schedule ? options.schedule
                                    : training_rate({options.learning_rate, options.warmup, options.until()}, budget),
       .beta1 = options.beta1,
       .beta2 = options.beta2,
       .epsilon = options.epsilon,
       .weight_decay = options.weight_decay,
       .clip_norm = options.clip});
  Checkpoints checkpoints(context, checkpoint_folder, checkpoint_options(options, config));
  TrainingLog log(context, parallel, batches, options, budget, run_dir);
  context.print(message("GPT-2 of {} parameters, {} ranks, {} training tokens, run directory {}",
                        config.parameter_count(), context.world_size(), batches.train_tokens(), run_dir));
  if (options.zero != Zero::kOff) context.print(parallel.describe());
  if (options.precision != Precision::kFloat32) {
    context.print(message("{} with fp32 masters, gradients reduced in {}", to_string(options.precision),
                          to_string(options.reduce_dtype.value_or(options.precision))));
  }

  Timeline timeline({.steps = options.profile_steps});
  auto loop = steps(
      context, parallel, optimizer, batches, checkpoints,
      {.until = options.until(),
       .observers = {&log},
       .flops_per_token = config.flops_per_token(options.length),
       .peak_flops = options.peak_tflops ? *options.peak_tflops * 1e12
                                         : measure_peak_flops(context.communicator(), peak_kind(context, options)),
       .timeline = options.profile ? &timeline : nullptr});
  for (auto& step : loop) {
    run_passes(parallel, step, options.accumulation);
    step.update();
  }
  if (options.profile) {
    timeline.write(run_dir + "/trace.json", context.communicator());
    context.print(message("timeline of the steps in {}/trace.json", run_dir));
  }
  log.finish(loop.last(), checkpoint_folder);
  return loop.last().stopped && budget->used() < 1 ? kExitStopped : kExitDone;
}

int run(int argc, char** argv) {
  try {
    const ParsedTrainOptions parsed = parse_train_options(argc, argv);
    if (parsed.options) return train(*parsed.options, argc, argv);
    if (parsed.exit_code != kExitDone) throw ConfigError(parsed.text);
    std::fputs(parsed.text.c_str(), stdout);
    return kExitDone;
  } catch (...) {
    return report_failure(kProgram);
  }
}

}  // namespace
}  // namespace trireme

int main(int argc, char** argv) { return trireme::run(argc, argv); }
