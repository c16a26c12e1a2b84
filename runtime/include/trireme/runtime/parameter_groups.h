#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace trireme {

// Parameters that an optimizer treats in another way than the rest, chosen by name.
//
//   AdamW optimizer(parallel, {.learning_rate = 6e-4, .groups = {{.names = {"*.wte.*", "*.wpe.*"}, .weight_decay = 0},
//                                                                {.names = {"head.*"}, .rate_scale = 0.1}}});
struct ParameterGroup {
  // Patterns of fnmatch(3) on the whole name: * and ? and [a-z]. Any of them chooses.
  std::vector<std::string> names = {};
  // Chooses too, when given.
  std::function<bool(const std::string& name)> chooses = nullptr;
  double rate_scale = 1;                              // times the optimizer's learning rate
  std::optional<double> weight_decay = std::nullopt;  // instead of the optimizer's; vectors follow it too
};

// What the groups come to for one parameter.
struct ParameterSettings {
  double rate_scale = 1;
  double weight_decay = 0;
};

struct GroupDefaults {
  double weight_decay = 0;
  bool decay_vectors = false;  // parameters of fewer than two dimensions too
};

struct ParameterShape {
  std::string name;
  std::int64_t dimensions = 0;
};

// By parameter. The first group that chooses a parameter counts. Pure. Throws ConfigError naming a pattern, or the
// group, that chooses nothing, and numbers below 0.
[[nodiscard]] std::vector<ParameterSettings> settle_groups(const std::vector<ParameterShape>& parameters,
                                                           const std::vector<ParameterGroup>& groups,
                                                           const GroupDefaults& defaults);

// Whether `name` matches `pattern`, as above.
[[nodiscard]] bool matches_name(const std::string& pattern, const std::string& name);

// Throws ConfigError, listing some names, when `pattern` matches none of the parameters.
void require_match(const std::string& pattern, const std::vector<ParameterShape>& parameters);

}  // namespace trireme
