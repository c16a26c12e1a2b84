#pragma once

#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "trireme/base/error.h"

namespace trireme::launcher {

// The JSON object that a POST carries; an empty body is an empty object.
//
// Every member throws ConfigError that names the key and what belongs there. Keys that nobody asks for are refused, so
// that a misspelled one does not go unnoticed.
class JsonBody {
 public:
  JsonBody(std::string_view text, std::initializer_list<std::string_view> known_keys);

  [[nodiscard]] std::string text(const char* key, const std::string& fallback) const;
  [[nodiscard]] bool flag(const char* key, bool fallback) const;
  // From `least` to `most`.
  [[nodiscard]] int number(const char* key, int fallback, int least, int most) const;
  [[nodiscard]] std::vector<std::string> texts(const char* key) const;
  [[nodiscard]] std::map<std::string, std::string> text_map(const char* key) const;

 private:
  [[nodiscard]] const nlohmann::json* find(const char* key) const;

  nlohmann::json json_;
};

}  // namespace trireme::launcher
