#include "deepspeed/json_section.h"

#include <algorithm>
#include <cmath>

#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme {

using Json = nlohmann::json;

namespace {

constexpr double kMostCount = 1e12;
constexpr std::size_t kShown = 60;  // bytes of a value in a message

// Bytes that are no UTF-8 are replaced, so that any value can be shown.
std::string shown(const Json& value) {
  auto text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
  if (text.size() <= kShown) return text;
  text.resize(kShown);
  return message("{}...", text);
}

}  // namespace

JsonSection::JsonSection(const Json& values, std::string prefix, ConfigNotes& notes)
    : values_(&values), prefix_(std::move(prefix)), notes_(&notes) {
  if (values.is_object()) return;
  throw ConfigError(message("{}: {} is {}, but must be an object in braces.", notes.where,
                            prefix_.empty() ? "the file" : prefix_.substr(0, prefix_.size() - 1), shown(values)));
}

void JsonSection::refuse(const std::string& key, const std::string& problem) const {
  throw ConfigError(message("{}: {}{} {}", notes_->where, prefix_, key, problem));
}

const Json* JsonSection::find(const std::string& key, std::string_view option) {
  const auto found = values_->find(key);
  if (found == values_->end() || found->is_null()) return nullptr;
  seen_.insert(key);
  if (*found == "auto") {
    notes_->ignored.push_back({prefix_ + key, "\"auto\" is left to the program"});
    return nullptr;
  }
  if (!option.empty()) {
    notes_->mapped.push_back({prefix_ + key, message("{} -> {}", shown(*found), std::string(option))});
  }
  return &*found;
}

double JsonSection::checked(const std::string& key, const Json& value, double least, double most) const {
  const double number = value.is_number() ? value.get<double>() : std::nan("");
  if (number >= least && number <= most) return number;
  refuse(key, message("is {}, but must be a number from {} to {}.", shown(value), least, most));
}

std::optional<double> JsonSection::number(const std::string& key, double least, double most, std::string_view option) {
  const auto* value = find(key, option);
  if (value == nullptr) return std::nullopt;
  return checked(key, *value, least, most);
}

std::optional<std::int64_t> JsonSection::count(const std::string& key, std::int64_t least, std::string_view option) {
  const auto found = number(key, static_cast<double>(least), kMostCount, option);
  if (!found) return std::nullopt;
  if (*found != std::floor(*found)) refuse(key, message("is {}, but must be a whole number.", *found));
  return static_cast<std::int64_t>(*found);
}

std::optional<bool> JsonSection::flag(const std::string& key, std::string_view option) {
  const auto* value = find(key, option);
  if (value == nullptr) return std::nullopt;
  if (!value->is_boolean()) refuse(key, message("is {}, but must be true or false.", shown(*value)));
  return value->get<bool>();
}

std::optional<std::string> JsonSection::word(const std::string& key, std::string_view option) {
  const auto* value = find(key, option);
  if (value == nullptr) return std::nullopt;
  if (!value->is_string()) refuse(key, message("is {}, but must be a text in quotes.", shown(*value)));
  auto text = value->get<std::string>();
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

std::optional<JsonSection> JsonSection::section(const std::string& key) {
  const auto* value = find(key, "");
  if (value == nullptr) return std::nullopt;
  return JsonSection(*value, prefix_ + key + ".", *notes_);
}

std::optional<std::pair<double, double>> JsonSection::pair(const std::string& key, double least, double most,
                                                           std::string_view option) {
  const auto* value = find(key, option);
  if (value == nullptr) return std::nullopt;
  if (!value->is_array() || value->size() != 2) refuse(key, message("is {}, but must be two numbers.", shown(*value)));
  return std::pair{checked(key, (*value)[0], least, most), checked(key, (*value)[1], least, most)};
}

void JsonSection::ignore(const std::string& key, std::string_view why) {
  seen_.insert(key);
  if (values_->contains(key)) notes_->ignored.push_back({prefix_ + key, std::string(why)});
}

void JsonSection::ignore_rest(std::initializer_list<std::pair<std::string_view, std::string_view>> reasons,
                              std::string_view otherwise) {
  for (const auto& [key, value] : values_->items()) {
    if (seen_.contains(key)) continue;
    const auto* found =
        std::find_if(reasons.begin(), reasons.end(), [&](const auto& entry) { return entry.first == key; });
    ignore(key, found == reasons.end() ? otherwise : found->second);
  }
}

}  // namespace trireme
