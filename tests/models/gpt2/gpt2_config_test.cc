#include "trireme/models/gpt2_config.h"

#include <gtest/gtest.h>

#include "trireme/base/error.h"

namespace trireme {
namespace {

TEST(Gpt2Config, CountsThePublishedParametersOfGpt2) {
  EXPECT_EQ(Gpt2Config::of_size("small").parameter_count(), 124439808);
  EXPECT_EQ(Gpt2Config::of_size("small").flops_per_token(1024), 6 * 123653376.0 + 12 * 9437184.0);
  EXPECT_EQ(Gpt2Config::of_size("medium").parameter_count(), 354823168);
  EXPECT_EQ(Gpt2Config::of_size("large").parameter_count(), 774030080);
  EXPECT_EQ(Gpt2Config::of_size("xl").parameter_count(), 1557611200);
}

TEST(Gpt2Config, SurvivesTheWayThroughMetadata) {
  Gpt2Config config = Gpt2Config::of_size("nano");
  config.vocabulary = 256;
  config.dropout = 0.25;
  EXPECT_EQ(Gpt2Config::from_metadata(config.metadata()), config);
}

TEST(Gpt2Config, NamesAnUnknownSize) {
  try {
    static_cast<void>(Gpt2Config::of_size("tiny"));
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_STREQ(error.what(), "unknown size 'tiny': nano, small, medium, large and xl are known");
  }
}

TEST(Gpt2Config, RefusesHeadsThatDoNotDivideTheWidth) {
  Gpt2Config config;
  config.heads = 3;
  EXPECT_THROW(config.check(), ConfigError);
}

TEST(Gpt2Config, RefusesMetadataOfAnotherModelOrWithoutANumber) {
  EXPECT_THROW(static_cast<void>(Gpt2Config::from_metadata({})), ConfigError);
  auto metadata = Gpt2Config().metadata();
  metadata["n_layer"] = "four";
  EXPECT_THROW(static_cast<void>(Gpt2Config::from_metadata(metadata)), ConfigError);
  metadata.erase("n_layer");
  EXPECT_THROW(static_cast<void>(Gpt2Config::from_metadata(metadata)), ConfigError);
}

}  // namespace
}  // namespace trireme
