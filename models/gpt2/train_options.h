#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "trireme/models/gpt2_config.h"
#include "trireme/runtime/loss_scale.h"
#include "trireme/runtime/precision.h"
#include "trireme/runtime/schedule.h"
#include "trireme/runtime/zero.h"

namespace trireme {

// What the command line of train_gpt2 asks for.
struct TrainOptions {
  std::string data;
  std::string size = "nano";
  std::optional<std::int64_t> layers;
  std::optional<std::int64_t> width;
  std::optional<std::int64_t> heads;
  double dropout = 0;

  std::int64_t batch = 16;
  std::int64_t length = 128;
  std::optional<std::int64_t> steps;  // neither steps nor minutes: kDefaultSteps
  std::optional<double> minutes;
  double learning_rate = 3e-3;
  double weight_decay = 0.1;
  double clip = 1.0;
  std::int64_t warmup = 100;
  std::uint64_t seed = 1337;
  Zero zero = Zero::kOff;
  Sharing sharing = Sharing::kAuto;
  ShardOver shard_over = ShardOver::kWorld;
  Precision precision = Precision::kFloat32;
  std::optional<Precision> reduce_dtype;
  int accumulation = 1;  // backward passes per step
  bool offload = false;
  bool guard_parameters = false;
  std::optional<std::string> deepspeed_config;
  std::set<std::string> given;  // names of the options on the command line

  // Only from a DeepSpeed configuration.
  double beta1 = 0.9;
  double beta2 = 0.95;
  double epsilon = 1e-8;
  std::optional<LossScale> loss_scale;
  std::int64_t whole_below_elements = 0;
  Schedule schedule;  // null: training_rate()

  std::int64_t validate_every = 400;
  std::int64_t checkpoint_every = 400;
  int keep = 3;
  std::optional<std::string> run_dir;
  bool resume = false;
  std::optional<std::string> resume_from;
  bool json_summary = false;
  bool profile = false;
  std::int64_t profile_steps = 10;
  std::optional<double> peak_tflops;  // of all ranks together; measured when unset

  static constexpr std::int64_t kDefaultSteps = 1200;
  // Steps of the run; practically endless when only the time is limited.
  [[nodiscard]] std::int64_t until() const;
  [[nodiscard]] Gpt2Config model(std::int64_t vocabulary) const;
};

// What to do after the command line was read: go on with `options`, or print `text` and exit with `exit_code`.
struct ParsedTrainOptions {
  std::optional<TrainOptions> options;
  std::string text;
  int exit_code = 0;
};

[[nodiscard]] ParsedTrainOptions parse_train_options(int argc, const char* const* argv);

}  // namespace trireme
