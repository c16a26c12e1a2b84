#include "train_options.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "deepspeed_options.h"
#include "trireme/base/error.h"

namespace trireme {
namespace {

ParsedTrainOptions parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "train_gpt2");
  return parse_train_options(static_cast<int>(arguments.size()), arguments.data());
}

TEST(TrainOptions, NeedOnlyTheData) {
  const auto parsed = parse({"--data", "bible.bin"});
  ASSERT_TRUE(parsed.options.has_value()) << parsed.text;
  EXPECT_EQ(parsed.options->until(), TrainOptions::kDefaultSteps);
  EXPECT_FALSE(parsed.options->resume);
  const Gpt2Config model = parsed.options->model(256);
  EXPECT_EQ(model.layers, 4);
  EXPECT_EQ(model.width, 128);
  EXPECT_EQ(model.positions, 128);
  EXPECT_EQ(model.vocabulary, 256);
}

TEST(TrainOptions, LetWidthLayersAndHeadsReplaceTheSizes) {
  const auto parsed = parse({"--data", "d", "--size", "small", "--layers", "3", "--width", "64", "--heads", "8"});
  ASSERT_TRUE(parsed.options.has_value()) << parsed.text;
  const Gpt2Config model = parsed.options->model(50257);
  EXPECT_EQ(model.layers, 3);
  EXPECT_EQ(model.width, 64);
  EXPECT_EQ(model.heads, 8);
}

TEST(TrainOptions, ResumeWithAndWithoutAPath) {
  const auto newest = parse({"--data", "d", "--resume", "--seed", "4"});
  ASSERT_TRUE(newest.options.has_value()) << newest.text;
  EXPECT_TRUE(newest.options->resume);
  EXPECT_FALSE(newest.options->resume_from.has_value());
  const auto named = parse({"--resume", "runs/a", "--data", "d"});
  ASSERT_TRUE(named.options.has_value()) << named.text;
  EXPECT_EQ(named.options->resume_from, "runs/a");
}

TEST(TrainOptions, HaveNoStepLimitWhenOnlyTheTimeIsLimited) {
  const auto parsed = parse({"--data", "d", "--minutes", "1.5"});
  ASSERT_TRUE(parsed.options.has_value()) << parsed.text;
  EXPECT_GT(parsed.options->until(), 1'000'000'000);
}

TEST(TrainOptions, ShowHelpWithExamplesAndExitCodes) {
  const auto parsed = parse({"--help"});
  EXPECT_FALSE(parsed.options.has_value());
  EXPECT_EQ(parsed.exit_code, 0);
  for (const char* part : {"--minutes", "Examples:", "Exit codes:"}) {
    EXPECT_NE(parsed.text.find(part), std::string::npos) << part;
  }
}

TEST(TrainOptions, RefuseBadInputInOneLineThatNamesIt) {
  const std::vector<std::vector<const char*>> bad{
      {},
      {"--data"},
      {"--data", "d", "--frobnicate"},
      {"--data", "d", "--batch", "0"},
      {"--data", "d", "--steps", "-5"},
      {"--data", "d", "--steps", "many"},
      {"--data", "d", "--length", "0"},
      {"--data", "d", "--size", "huge"},
      {"--data", "d", "--minutes", "0"},
      {"--data", "d", "--learning-rate", "-1"},
      {"--data", "d", "--dropout", "1"},
      {"--data", "d", "--keep", "0"},
      {"--data", "d", "surplus"},
  };
  for (const auto& arguments : bad) {
    const auto parsed = parse(arguments);
    const std::string last = arguments.empty() ? "--data" : arguments.back();
    EXPECT_FALSE(parsed.options.has_value()) << last;
    EXPECT_EQ(parsed.exit_code, 2) << last;
    EXPECT_EQ(parsed.text.find('\n'), std::string::npos) << parsed.text;
    const std::string named = arguments.size() < 2 ? "--data" : arguments[2];
    EXPECT_NE(parsed.text.find(named), std::string::npos) << parsed.text;
  }
}

TEST(TrainOptions, RefuseHeadsThatDoNotDivideTheWidth) {
  const auto parsed = parse({"--data", "d", "--heads", "3"});
  ASSERT_TRUE(parsed.options.has_value()) << parsed.text;
  EXPECT_THROW(static_cast<void>(parsed.options->model(256)), ConfigError);
}

TEST(DeepSpeedOptions, AreTakenButForThoseOfTheCommandLine) {
  const auto config = parse_deepspeed_config(R"({"train_batch_size": 8, "gradient_accumulation_steps": 2,
    "gradient_clipping": 0.25, "zero_optimization": {"stage": 2}, "bf16": {"enabled": true},
    "optimizer": {"type": "AdamW", "params": {"lr": 0.5, "betas": [0.7, 0.8]}},
    "scheduler": {"type": "WarmupLR", "params": {"warmup_max_lr": 0.5}}})",
                                             "ds.json", 2);
  auto open = *parse({"--data", "d"}).options;
  apply_deepspeed(config, open);
  EXPECT_EQ(open.batch, 8);
  EXPECT_EQ(open.accumulation, 2);
  EXPECT_EQ(open.clip, 0.25);
  EXPECT_EQ(open.zero, Zero::kGradients);
  EXPECT_EQ(open.precision, Precision::kBf16);
  EXPECT_EQ(open.learning_rate, 0.5);
  EXPECT_EQ(open.beta1, 0.7);
  EXPECT_NE(open.schedule, nullptr);
  auto given = *parse({"--data", "d", "--batch", "6", "--zero", "3", "--precision", "fp16", "--learning-rate", "0.125",
                       "--accumulation", "1"})
                    .options;
  apply_deepspeed(config, given);
  EXPECT_EQ(given.batch, 6);
  EXPECT_EQ(given.accumulation, 1);
  EXPECT_EQ(given.zero, Zero::kParameters);
  EXPECT_EQ(given.precision, Precision::kFp16);
  EXPECT_EQ(given.learning_rate, 0.125);
  EXPECT_EQ(given.schedule, nullptr);
}

TEST(DeepSpeedOptions, RefuseOptimizersThatTheProgramDoesNotHave) {
  auto options = *parse({"--data", "d"}).options;
  const auto lamb = parse_deepspeed_config(R"({"optimizer": {"type": "Lamb"}})", "ds.json", 1);
  EXPECT_THROW(apply_deepspeed(lamb, options), ConfigError);
}

}  // namespace
}  // namespace trireme
