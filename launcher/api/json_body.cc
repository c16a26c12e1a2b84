#include "api/json_body.h"

#include <algorithm>

#include "trireme/base/message.h"

namespace trireme::launcher {

namespace {

constexpr int kDeepest = 16;  // levels of nesting; the parser's own stack has no bound

// Text goes to programs' arguments and environments, where a zero byte would cut it short.
std::string whole_text(const nlohmann::json& value, const char* key) {
  if (!value.is_string()) throw ConfigError(message("{} must be text", key));
  const auto& text = value.get_ref<const std::string&>();
  if (text.find('\0') != std::string::npos) throw ConfigError(message("{} must not contain a zero byte", key));
  return text;
}

nlohmann::json parse_object(std::string_view text) {
  if (text.empty()) return nlohmann::json::object();
  const auto not_too_deep = [](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
    if (depth > kDeepest) throw ConfigError("the body is nested too deeply");
    return true;
  };
  nlohmann::json json = nlohmann::json::parse(text, not_too_deep, false);
  if (!json.is_object()) throw ConfigError("the body is no JSON object");
  return json;
}

}  // namespace

JsonBody::JsonBody(std::string_view text, std::initializer_list<std::string_view> known_keys)
    : json_(parse_object(text)) {
  for (const auto& item : json_.items()) {
    if (std::ranges::find(known_keys, item.key()) != known_keys.end()) continue;
    std::string known;
    for (const std::string_view key : known_keys) known += message("{}{}", known.empty() ? "" : ", ", key);
    throw ConfigError(message("the body has an unknown key; known are: {}", known.empty() ? "none" : known));
  }
}

const nlohmann::json* JsonBody::find(const char* key) const {
  const auto found = json_.find(key);
  return found == json_.end() || found->is_null() ? nullptr : &*found;
}

std::string JsonBody::text(const char* key, const std::string& fallback) const {
  const nlohmann::json* value = find(key);
  return value == nullptr ? fallback : whole_text(*value, key);
}

bool JsonBody::flag(const char* key, bool fallback) const {
  const nlohmann::json* value = find(key);
  if (value == nullptr) return fallback;
  if (!value->is_boolean()) throw ConfigError(message("{} must be true or false", key));
  return value->get<bool>();
}

int JsonBody::number(const char* key, int fallback, int least, int most) const {
  const nlohmann::json* value = find(key);
  if (value == nullptr) return fallback;
  const bool is_fit = value->is_number_integer() && *value >= least && *value <= most;
  if (!is_fit) throw ConfigError(message("{} must be a whole number from {} to {}", key, least, most));
  return value->get<int>();
}

std::vector<std::string> JsonBody::texts(const char* key) const {
  const nlohmann::json* value = find(key);
  if (value == nullptr) return {};
  if (!value->is_array()) throw ConfigError(message("{} must be an array of texts", key));
  std::vector<std::string> texts;
  for (const nlohmann::json& element : *value) texts.push_back(whole_text(element, key));
  return texts;
}

std::map<std::string, std::string> JsonBody::text_map(const char* key) const {
  const nlohmann::json* value = find(key);
  if (value == nullptr) return {};
  if (!value->is_object()) throw ConfigError(message("{} must be an object of texts", key));
  std::map<std::string, std::string> texts;
  for (const auto& item : value->items()) texts[item.key()] = whole_text(item.value(), key);
  return texts;
}

}  // namespace trireme::launcher
