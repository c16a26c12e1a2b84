#include "trireme/runtime/deepspeed_config.h"

#include <gmock/gmock.h>

#include <cmath>
#include <numbers>
#include <random>

#include "support/thrown_text.h"
#include "trireme/base/error.h"

namespace trireme::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

constexpr const char* kWhole = R"({
  "train_batch_size": 32, "train_micro_batch_size_per_gpu": 4, "gradient_accumulation_steps": "auto",
  "gradient_clipping": 1.0, "steps_per_print": 10, "communication_data_type": "fp32", "my_own": 3,
  "zero_optimization": {"stage": 3, "overlap_comm": true, "reduce_bucket_size": 5e8,
    "stage3_param_persistence_threshold": 1e4, "offload_optimizer": {"device": "cpu", "pin_memory": true}},
  "fp16": {"enabled": true, "loss_scale": 0, "initial_scale_power": 12, "loss_scale_window": 500, "hysteresis": 2},
  "bf16": {"enabled": false},
  "optimizer": {"type": "AdamW", "params": {"lr": 3e-4, "betas": [0.8, 0.95], "eps": 1e-9, "weight_decay": 0.1}},
  "scheduler": {"type": "WarmupDecayLR", "params": {"warmup_max_lr": 3e-4, "warmup_num_steps": 10,
    "warmup_type": "linear", "total_num_steps": 110}}})";

DeepSpeedConfig parse(const std::string& json, int ranks = 2) { return parse_deepspeed_config(json, "ds.json", ranks); }
std::string error_of(const std::string& json, int ranks = 2) {
  return text_thrown_by<ConfigError>([&] { (void)parse(json, ranks); });
}

TEST(DeepSpeedConfig, MapsWhatHasACounterpart) {
  const auto config = parse(kWhole);
  EXPECT_EQ(config.parallel.zero, Zero::kParameters);
  EXPECT_EQ(config.parallel.whole_below_elements, 10000);
  EXPECT_TRUE(config.parallel.offload);
  EXPECT_EQ(config.parallel.precision, Precision::kFp16);
  EXPECT_EQ(config.parallel.reduce_dtype, Precision::kFloat32);
  EXPECT_EQ(config.parallel.loss_scale->initial, 4096);
  EXPECT_EQ(config.parallel.loss_scale->growth_interval, 500);
  EXPECT_EQ(config.parallel.loss_scale->hysteresis, 2);
  EXPECT_EQ(config.global_batch, 32);
  EXPECT_EQ(config.accumulation, 4);
  EXPECT_EQ(config.clip_norm, 1.0);
  ASSERT_TRUE(config.optimizer.has_value());
  EXPECT_EQ(config.optimizer->type, "adamw");
  EXPECT_EQ(config.optimizer->beta2, 0.95);
  EXPECT_EQ(config.optimizer->weight_decay, 0.1);
}

TEST(DeepSpeedConfig, SaysWhatItMapsAndWhatItIgnoresAndWhy) {
  const auto report = parse(kWhole).report();
  EXPECT_THAT(report, AllOf(HasSubstr("mapped   zero_optimization.stage: 3 -> ParallelOptions::zero\n"),
                            HasSubstr("ignored  gradient_accumulation_steps: \"auto\" is left to the program\n"),
                            HasSubstr("ignored  zero_optimization.overlap_comm: reduction always overlaps backward\n"),
                            HasSubstr("mapped   zero_optimization.offload_optimizer.device: "),
                            HasSubstr("ignored  my_own: not an option that has a counterpart here\n")));
}

TEST(DeepSpeedConfig, WorksOutTheBatchFromTwoOfThreeNumbers) {
  EXPECT_EQ(parse(R"({"train_micro_batch_size_per_gpu": 3, "gradient_accumulation_steps": 2})").global_batch, 12);
  EXPECT_EQ(parse(R"({"train_batch_size": 12, "train_micro_batch_size_per_gpu": 3})").accumulation, 2);
  EXPECT_EQ(parse(R"({"train_batch_size": 12})").accumulation, 1);
  EXPECT_FALSE(parse("{}").global_batch.has_value());
}

TEST(DeepSpeedConfig, FollowsTheWarmups) {
  const auto decay = parse(kWhole).schedule;
  EXPECT_DOUBLE_EQ(decay(0), 0);
  EXPECT_DOUBLE_EQ(decay(6), 3e-4 * 0.5);
  EXPECT_DOUBLE_EQ(decay(11), 3e-4);
  EXPECT_DOUBLE_EQ(decay(61), 3e-4 * 0.5);
  EXPECT_DOUBLE_EQ(decay(500), 0);
  const auto plain = parse(R"({"scheduler": {"type": "WarmupLR", "params": {"warmup_num_steps": 100}}})").schedule;
  EXPECT_NEAR(plain(10), 1e-3 * 0.5, 1e-12) << "logarithmic: log(10) is half of log(100)";
  EXPECT_DOUBLE_EQ(plain(5000), 1e-3);
  const auto cosine = parse(R"({"optimizer": {"type": "Adam", "params": {"lr": 0.1}}, "scheduler":
    {"type": "WarmupCosineLR", "params": {"warmup_num_steps": 10, "total_num_steps": 20, "cos_min_ratio": 0}}})");
  EXPECT_NEAR(cosine.schedule(15), 0.1 * 0.5, 1e-12);
  EXPECT_NEAR(cosine.schedule(40), 0, 1e-12);
}

TEST(DeepSpeedConfig, TakesAFixedLossScaleAndAdamWithoutDecoupling) {
  const auto config = parse(R"({"fp16": {"enabled": true, "loss_scale": 128},
    "optimizer": {"type": "Adam", "params": {"adam_w_mode": false}}, "scheduler": {"type": "OneCycle"}})");
  EXPECT_EQ(config.parallel.loss_scale->initial, 128);
  EXPECT_EQ(config.parallel.loss_scale->backoff, 1);
  EXPECT_FALSE(config.optimizer->decouples_decay);
  EXPECT_EQ(config.schedule, nullptr);
}

TEST(DeepSpeedConfig, RefusesContradictionsAndBadValuesNamingTheKey) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"fp16": {"enabled": true}, "bf16": {"enabled": true}})", "ds.json: fp16 and bf16 are both enabled"},
      {R"({"train_batch_size": 13, "train_micro_batch_size_per_gpu": 3, "gradient_accumulation_steps": 2})",
       "train_batch_size is 13, but 3 rows x 2 passes x 2 ranks are 12"},
      {R"({"train_batch_size": 7})", "train_batch_size is 7, which 1 passes on 2 ranks do not divide"},
      {R"({"zero_optimization": {"stage": 4}})", "zero_optimization.stage is 4, but must be 0, 1, 2 or 3"},
      {R"({"zero_optimization": {"stage": "two"}})", "zero_optimization.stage is \"two\", but must be a number"},
      {R"({"zero_optimization": {"stage": 1.5}})", "must be a whole number"},
      {R"({"zero_optimization": {"stage": 2, "offload_param": {"device": "cpu"}}})",
       "zero_optimization.offload_param.device needs zero_optimization.stage 3"},
      {R"({"zero_optimization": true})", "zero_optimization is true, but must be an object"},
      {R"({"fp16": {"enabled": "yes"}})", "fp16.enabled is \"yes\", but must be true or false"},
      {R"({"fp16": {"enabled": true, "initial_scale_power": 99}})", "fp16.initial_scale_power is 99"},
      {R"({"communication_data_type": "int8"})", "communication_data_type is \"int8\""},
      {R"({"communication_data_type": "fp16", "data_types": {"grad_accum_dtype": "fp32"}})",
       "grad_accum_dtype differs"},
      {R"({"optimizer": {"type": "OneBitAdam"}})", "optimizer.type is \"onebitadam\""},
      {R"({"optimizer": {"type": "Adam", "params": {"betas": [0.9]}}})", "optimizer.params.betas is [0.9]"},
      {R"({"optimizer": {"type": "Adam", "params": {"lr": -1}}})", "optimizer.params.lr is -1"},
      {R"({"scheduler": {"type": "WarmupDecayLR"}})", "need total_num_steps"},
      {R"({"scheduler": {"type": "Cosine"}})", "scheduler.type is \"cosine\""},
      {R"({"gradient_clipping": 1, "gradient_clipping": 2})", "the key gradient_clipping stands twice"},
      {"[]", "the file is [], but must be an object"},
      {"", "this is not JSON"},
      {"{\"gradient_clipping\": 1e999}", "this is not JSON"},
  };
  for (const auto& [json, expected] : cases) EXPECT_THAT(error_of(json), HasSubstr(expected)) << json;
}

TEST(DeepSpeedConfig, RefusesAFileThatCannotBeRead) {
  EXPECT_THAT(text_thrown_by<ConfigError>([] { (void)read_deepspeed_config("/nowhere/ds.json", 1); }),
              HasSubstr("/nowhere/ds.json: this DeepSpeed configuration cannot be read"));
}

// Whatever the bytes, the answer is a configuration or a ConfigError.
TEST(DeepSpeedConfig, SurvivesDamagedFiles) {
  EXPECT_THAT(error_of(std::string(100000, '[')), HasSubstr("nested deeper than 32"));
  std::mt19937 random(1);
  const std::string whole = kWhole;
  const std::string bytes = "{}[],:\"0-9e.\\n\xff\x01 truefalsnl";
  int parsed = 0;
  int refused = 0;
  for (int round = 0; round < 20000; ++round) {
    auto text = whole;
    for (auto edits = random() % 4 + 1; edits > 0; --edits) {
      const auto at = random() % text.size();
      switch (random() % 4) {
        case 0:
          text[at] = bytes[random() % bytes.size()];
          break;
        case 1:
          text.insert(at, 1, bytes[random() % bytes.size()]);
          break;
        case 2:
          text.erase(at, random() % 8 + 1);
          break;
        default:
          text.insert(at, whole.substr(random() % whole.size(), random() % 40));
      }
    }
    try {
      parsed += parse(text).report().empty() ? 0 : 1;
    } catch (const ConfigError&) {
      ++refused;
    }
  }
  EXPECT_GT(parsed, 100);
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace trireme::test
