#include "trireme/runtime/parameter_groups.h"

#include <fnmatch.h>

#include <algorithm>

#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme {
namespace {

constexpr std::size_t kNamesShown = 3;

std::string some_names(const std::vector<ParameterShape>& parameters) {
  std::string names;
  for (std::size_t i = 0; i < std::min(kNamesShown, parameters.size()); ++i) {
    names += (names.empty() ? "" : ", ") + parameters[i].name;
  }
  return parameters.size() > kNamesShown ? names + ", …" : names;
}

bool chooses(const ParameterGroup& group, const std::string& name) {
  const auto matches = [&](const std::string& pattern) { return matches_name(pattern, name); };
  return std::any_of(group.names.begin(), group.names.end(), matches) || (group.chooses && group.chooses(name));
}

void check(const std::vector<ParameterShape>& parameters, const ParameterGroup& group, std::size_t number) {
  for (const auto& pattern : group.names) require_match(pattern, parameters);
  if (!(group.rate_scale >= 0) || !(group.weight_decay.value_or(0) >= 0)) {
    throw ConfigError(message("Parameter group {} has rate_scale {} and weight_decay {}; both must be 0 or more.",
                              number, group.rate_scale, group.weight_decay.value_or(0)));
  }
  const auto is_chosen = [&](const ParameterShape& parameter) { return chooses(group, parameter.name); };
  if (std::none_of(parameters.begin(), parameters.end(), is_chosen)) {
    throw ConfigError(message("Parameter group {} chooses no trainable parameter; the model has {}.", number,
                              some_names(parameters)));
  }
}

}  // namespace

bool matches_name(const std::string& pattern, const std::string& name) {
  return fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
}

void require_match(const std::string& pattern, const std::vector<ParameterShape>& parameters) {
  const auto matches = [&](const ParameterShape& parameter) { return matches_name(pattern, parameter.name); };
  if (std::any_of(parameters.begin(), parameters.end(), matches)) return;
  throw ConfigError(
      message("The pattern \"{}\" matches no trainable parameter; the model has {}.", pattern, some_names(parameters)));
}

std::vector<ParameterSettings> settle_groups(const std::vector<ParameterShape>& parameters,
                                             const std::vector<ParameterGroup>& groups, const GroupDefaults& defaults) {
  for (std::size_t i = 0; i < groups.size(); ++i) check(parameters, groups[i], i + 1);
  std::vector<ParameterSettings> settings;
  for (const auto& [name, dimensions] : parameters) {
    const bool decays = defaults.decay_vectors || dimensions >= 2;
    const double decay = decays ? defaults.weight_decay : 0;
    const auto found = std::find_if(groups.begin(), groups.end(),
                                    [&name = name](const ParameterGroup& group) { return chooses(group, name); });
    settings.push_back(found == groups.end()
                           ? ParameterSettings{1, decay}
                           : ParameterSettings{found->rate_scale, found->weight_decay.value_or(decay)});
  }
  return settings;
}

}  // namespace trireme
