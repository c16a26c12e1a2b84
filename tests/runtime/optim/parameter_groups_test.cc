#include "trireme/runtime/parameter_groups.h"

#include <gtest/gtest.h>

#include "trireme/base/error.h"

namespace trireme {
namespace {

const std::vector<ParameterShape> kParameters = {{"wte.weight", 2}, {"h.0.norm.weight", 1}, {"h.0.fc.weight", 2}};

std::string error_of(const std::vector<ParameterGroup>& groups) {
  try {
    static_cast<void>(settle_groups(kParameters, groups, {}));
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "";
}

TEST(ParameterGroups, DecayMatricesByDefaultAndVectorsWhenAsked) {
  const auto plain = settle_groups(kParameters, {}, {.weight_decay = 0.1});
  EXPECT_EQ(plain[0].weight_decay, 0.1);
  EXPECT_EQ(plain[1].weight_decay, 0);
  EXPECT_EQ(plain[2].rate_scale, 1);
  EXPECT_EQ(settle_groups(kParameters, {}, {.weight_decay = 0.1, .decay_vectors = true})[1].weight_decay, 0.1);
}

TEST(ParameterGroups, ChangeTheirParametersAndTheFirstCounts) {
  const auto settings = settle_groups(
      kParameters,
      {{.names = {"wte.*"}, .weight_decay = 0}, {.names = {"*.weight"}, .rate_scale = 0.5, .weight_decay = 0.2}},
      {.weight_decay = 0.1});
  EXPECT_EQ(settings[0].weight_decay, 0);
  EXPECT_EQ(settings[0].rate_scale, 1);
  EXPECT_EQ(settings[1].weight_decay, 0.2) << "a group's own decay holds for vectors too";
  EXPECT_EQ(settings[2].rate_scale, 0.5);
}

TEST(ParameterGroups, MayBeChosenByAFunction) {
  const auto is_norm = [](const std::string& name) { return name.find("norm") != std::string::npos; };
  const auto settings = settle_groups(kParameters, {{.chooses = is_norm, .rate_scale = 3}}, {});
  EXPECT_EQ(settings[1].rate_scale, 3);
  EXPECT_EQ(settings[2].rate_scale, 1);
}

TEST(ParameterGroups, RefuseWhatChoosesNothingAndNegativeNumbers) {
  EXPECT_EQ(error_of({{.names = {"wte.*", "wpe.*"}}}),
            "The pattern \"wpe.*\" matches no trainable parameter; the model has wte.weight, h.0.norm.weight, "
            "h.0.fc.weight.");
  EXPECT_EQ(error_of({{.names = {"*"}}, {.chooses = [](const std::string&) { return false; }}}),
            "Parameter group 2 chooses no trainable parameter; the model has wte.weight, h.0.norm.weight, "
            "h.0.fc.weight.");
  EXPECT_EQ(error_of({{.names = {"*"}, .rate_scale = -1}}),
            "Parameter group 1 has rate_scale -1 and weight_decay 0; both must be 0 or more.");
}

}  // namespace
}  // namespace trireme
