#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "trireme/runtime/parallel.h"
#include "trireme/runtime/schedule.h"

// Reads DeepSpeed's JSON configuration, for programs that come from there.
namespace trireme {

// Its "optimizer"; values that the file does not give are DeepSpeed's defaults.
struct DeepSpeedOptimizer {
  std::string type;  // "adam", "adamw", "lamb", "lion", "muon" or "sgd"
  double learning_rate = 1e-3;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0;
  double momentum = 0;
  bool decouples_decay = true;  // AdamW, which DeepSpeed's "Adam" is as well unless adam_w_mode is false
};

// A key of the file, with the path to it ("zero_optimization.stage"), and what became of it.
struct DeepSpeedNote {
  std::string key;
  std::string text;
};

struct DeepSpeedConfig {
  // zero, shard_over, whole_below_elements, offload, precision, reduce_dtype and loss_scale; the rest has its defaults.
  ParallelOptions parallel = {};
  std::optional<std::int64_t> global_batch = std::nullopt;  // samples per step over all ranks
  std::int64_t accumulation = 1;                            // backward passes per step
  std::optional<double> clip_norm = std::nullopt;
  std::optional<DeepSpeedOptimizer> optimizer = std::nullopt;
  Schedule schedule = nullptr;         // null: the file has none
  std::vector<DeepSpeedNote> mapped;   // and to what
  std::vector<DeepSpeedNote> ignored;  // and why

  // Both lists, a line each.
  [[nodiscard]] std::string report() const;
};

// Pure. `json` is the file's text, `where` its name for messages. Values of "auto" are left to the program. Throws
// ConfigError for text that is not JSON, values out of range, and options that contradict each other or `world_size`.
[[nodiscard]] DeepSpeedConfig parse_deepspeed_config(std::string_view json, const std::string& where, int world_size);

// Throws ConfigError also when the file cannot be read.
[[nodiscard]] DeepSpeedConfig read_deepspeed_config(const std::string& path, int world_size);

}  // namespace trireme
