#pragma once

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "trireme/runtime/deepspeed_config.h"

namespace trireme {

// Where the notes of a file are collected.
struct ConfigNotes {
  std::string where;
  std::vector<DeepSpeedNote> mapped = {};
  std::vector<DeepSpeedNote> ignored = {};
};

// An object of the file. Getters give nothing for keys that are missing, null or "auto", and throw ConfigError for
// values of another type or out of range. What no getter asked for is noted as ignored by ignore_rest().
class JsonSection {
 public:
  // All of it outlives the section. `prefix`: "" or a path with a dot at its end.
  JsonSection(const nlohmann::json& values, std::string prefix, ConfigNotes& notes);

  // `option` is what the value becomes here, for the report; empty: nothing is reported.
  std::optional<double> number(const std::string& key, double least, double most, std::string_view option);
  std::optional<std::int64_t> count(const std::string& key, std::int64_t least, std::string_view option);
  std::optional<bool> flag(const std::string& key, std::string_view option);
  std::optional<std::string> word(const std::string& key, std::string_view option);
  std::optional<JsonSection> section(const std::string& key);
  // Two numbers in a list.
  std::optional<std::pair<double, double>> pair(const std::string& key, double least, double most,
                                                std::string_view option);

  void ignore(const std::string& key, std::string_view why);
  // `reasons`: by key.
  void ignore_rest(std::initializer_list<std::pair<std::string_view, std::string_view>> reasons,
                   std::string_view otherwise);
  [[noreturn]] void refuse(const std::string& key, const std::string& problem) const;

 private:
  const nlohmann::json* find(const std::string& key, std::string_view option);
  double checked(const std::string& key, const nlohmann::json& value, double least, double most) const;

  const nlohmann::json* values_;
  std::string prefix_;
  ConfigNotes* notes_;
  std::set<std::string> seen_;
};

}  // namespace trireme
