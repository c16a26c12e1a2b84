#include "train_options.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

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

}  // namespace
}  // namespace trireme
