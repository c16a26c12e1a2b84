#include "train_options.h"

#include <CLI/CLI.hpp>
#include <map>
#include <string>

#include "exit_codes.h"

namespace trireme {
namespace {

constexpr const char* kDescription =
    "Trains a GPT-2 on a token file, alone or data-parallel on the ranks of mpirun, srun, torchrun or `launcher run`.";
constexpr const char* kFooter =
    "Examples:\n"
    "  scripts/prepare_text && train_gpt2 --data bible.bin\n"
    "  mpirun --oversubscribe -np 4 train_gpt2 --data bible.bin --minutes 2\n"
    "  train_gpt2 --data bible.bin --run-dir runs/a --resume\n"
    "  mpirun --oversubscribe -np 2 train_gpt2 --data bible.bin --zero 2 --precision bf16 --reduce-dtype fp32\n"
    "The run directory gets metrics.jsonl, tensorboard/ and checkpoints/.\n"
    "Exit codes: 0 done, 1 training failed, 2 bad input, 3 another rank was lost or did not answer, 130 stopped by a "
    "signal\n"
    "(with a checkpoint).";

void add_model_options(CLI::App& app, TrainOptions& options) {
  app.add_option("--data", options.data, "token file: byte-level (scripts/prepare_text), llm.c or nanoGPT uint16")
      ->required();
  app.add_option("--size", options.size, "model size")
      ->check(CLI::IsMember(Gpt2Config::sizes()))
      ->capture_default_str();
  app.add_option("--layers", options.layers, "layers, instead of the size's")->check(CLI::Range(1, 1000));
  app.add_option("--width", options.width, "width, instead of the size's")->check(CLI::Range(1, 100000));
  app.add_option("--heads", options.heads, "attention heads, instead of the size's")->check(CLI::Range(1, 1000));
  app.add_option("--dropout", options.dropout, "dropout")->check(CLI::Range(0.0, 0.99))->capture_default_str();
}

void add_training_options(CLI::App& app, TrainOptions& options) {
  app.add_option("--batch", options.batch, "windows per step over all ranks")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  app.add_option("--length", options.length, "tokens of a window, and the model's positions")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  app.add_option("--steps", options.steps,
                 "steps of the whole run, those before a restart included [" +
                     std::to_string(TrainOptions::kDefaultSteps) + "; no limit with --minutes]")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 40));
  app.add_option("--minutes", options.minutes, "end after this time; the learning rate falls to its end by then")
      ->check(CLI::Range(0.001, 1e6));
  app.add_option("--learning-rate", options.learning_rate, "peak learning rate")
      ->check(CLI::Range(1e-9, 10.0))
      ->capture_default_str();
  app.add_option("--weight-decay", options.weight_decay, "decoupled weight decay of matrices")
      ->check(CLI::Range(0.0, 10.0))
      ->capture_default_str();
  app.add_option("--clip", options.clip, "largest gradient norm; 0: no clipping")
      ->check(CLI::Range(0.0, 1e9))
      ->capture_default_str();
  app.add_option("--warmup", options.warmup, "steps of linear warm-up")
      ->check(CLI::Range(0, 1 << 30))
      ->capture_default_str();
  app.add_option("--seed", options.seed, "seed of weights, batches and dropout")->capture_default_str();
}

template <typename Enum>
using Choices = std::map<std::string, Enum>;

void add_sharding_options(CLI::App& app, TrainOptions& options) {
  const Choices<Zero> stages{
      {"0", Zero::kOff}, {"1", Zero::kOptimizer}, {"2", Zero::kGradients}, {"3", Zero::kParameters}};
  const Choices<Sharing> sharing{{"auto", Sharing::kAuto}, {"on", Sharing::kOn}, {"off", Sharing::kOff}};
  const Choices<ShardOver> over{{"world", ShardOver::kWorld}, {"node", ShardOver::kNode}};
  app.add_option("--zero", options.zero,
                 "what ranks shard: 0 nothing, 1 optimizer state, 2 and gradients, 3 and parameters")
      ->transform(CLI::CheckedTransformer(stages))
      ->default_str("0");
  app.add_option("--share", options.sharing, "ranks of a node map one copy of the parameters (with --zero 1, 2, 3)")
      ->transform(CLI::CheckedTransformer(sharing))
      ->default_str("auto");
  app.add_option("--shard-over", options.shard_over, "the ranks that hold one set of shards")
      ->transform(CLI::CheckedTransformer(over))
      ->default_str("world");
}

void add_precision_options(CLI::App& app, TrainOptions& options) {
  const Choices<Precision> precisions{
      {"fp32", Precision::kFloat32}, {"bf16", Precision::kBf16}, {"fp16", Precision::kFp16}};
  app.add_option(
         "--precision", options.precision,
         "what the model computes in; with bf16 and fp16 the optimizer has fp32 masters, and fp16 scales the loss")
      ->transform(CLI::CheckedTransformer(precisions))
      ->default_str("fp32");
  app.add_option("--reduce-dtype", options.reduce_dtype, "what gradients are reduced in [that of the parameters]")
      ->transform(CLI::CheckedTransformer(precisions));
  app.add_flag("--offload", options.offload, "keep optimizer state and fp32 masters in host memory, for GPUs");
  app.add_flag("--guard-parameters", options.guard_parameters,
               "debugging, with --zero 1, 2, 3: a parameter that is written outside of an update ends the program");
  app.add_option("--accumulation", options.accumulation, "backward passes a step, each over a part of the batch")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  app.add_option("--deepspeed-config", options.deepspeed_config,
                 "take options from a DeepSpeed JSON file and report what it maps; options of the command line win");
}

void add_run_options(CLI::App& app, TrainOptions& options, std::string& resume_from) {
  app.add_option("--validate-every", options.validate_every, "steps between validations; 0: only at the end")
      ->check(CLI::Range(0, 1 << 30))
      ->capture_default_str();
  app.add_option("--checkpoint-every", options.checkpoint_every, "steps between checkpoints; 0: only at the end")
      ->check(CLI::Range(0, 1 << 30))
      ->capture_default_str();
  app.add_option("--keep", options.keep, "newest checkpoints that are kept")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--run-dir", options.run_dir, "run directory [$TRIREME_RUN_DIR, else ./runs/TIME]");
  app.add_option(
         "--resume", resume_from,
         "go on from the newest complete checkpoint of the run directory, or from PATH (a checkpoint, a folder of "
         "them, or a run directory)")
      ->expected(0, 1)
      ->type_name("[PATH]");
  app.add_flag("--profile", options.profile,
               "write a timeline of some steps, from the third on, to trace.json in the run directory, for "
               "ui.perfetto.dev and scripts/plot_timeline");
  app.add_option("--profile-steps", options.profile_steps, "steps of the timeline")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  app.add_option("--peak-tflops", options.peak_tflops,
                 "what all ranks could compute, for the model FLOPs utilisation [measured at the start]")
      ->check(CLI::Range(1e-6, 1e12));
  app.add_flag("--json-summary", options.json_summary, "print the result as one line of JSON, last");
}

}  // namespace

std::int64_t TrainOptions::until() const {
  constexpr std::int64_t kEndless = std::int64_t{1} << 40;
  return steps.value_or(minutes ? kEndless : kDefaultSteps);
}

Gpt2Config TrainOptions::model(std::int64_t vocabulary) const {
  Gpt2Config config = Gpt2Config::of_size(size);
  config.layers = layers.value_or(config.layers);
  config.width = width.value_or(config.width);
  config.heads = heads.value_or(config.heads);
  config.positions = length;
  config.vocabulary = vocabulary;
  config.dropout = dropout;
  config.check();
  return config;
}

ParsedTrainOptions parse_train_options(int argc, const char* const* argv) {
  TrainOptions options;
  std::string resume_from;
  CLI::App app(kDescription, "train_gpt2");
  app.footer(kFooter);
  add_model_options(app, options);
  add_training_options(app, options);
  add_sharding_options(app, options);
  add_precision_options(app, options);
  add_run_options(app, options, resume_from);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return {std::nullopt, app.help(), kExitDone};
  } catch (const CLI::ParseError& error) {
    return {std::nullopt, std::string(error.what()) + " (see train_gpt2 --help)", kExitBadInput};
  }
  for (const auto* option : app.parse_order()) options.given.insert(option->get_name());
  options.resume = app.count("--resume") > 0;
  if (!resume_from.empty()) options.resume_from = resume_from;
  return {options, "", kExitDone};
}

}  // namespace trireme
