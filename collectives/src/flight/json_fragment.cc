#include "json_fragment.h"

#include <cstddef>

namespace trireme::collectives {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";

bool continues(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U; }

// Bytes of the UTF-8 character at the front of `text`; 0 when there is none.
std::size_t character_length(std::string_view text) {
  const auto first = static_cast<unsigned char>(text.front());
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xC2 && first < 0xE0 ? 2 : first >= 0xE1 && first < 0xED ? 3 : 0;
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if (!continues(text[i])) return 0;
  }
  return length;
}

void append_escaped(std::string& json, char byte) {
  const auto value = static_cast<unsigned char>(byte);
  if (byte == '"' || byte == '\\') {
    json += '\\';
    json += byte;
  } else if (value < 0x20) {
    json += "\\u00";
    json += kHexDigits[value / 16];
    json += kHexDigits[value % 16];
  } else {
    json += byte;
  }
}

template <typename Values, typename ToJson>
std::string joined(const Values& values, ToJson&& to_json) {
  std::string json = "[";
  for (const auto& value : values) {
    if (json.size() > 1) json += ',';
    json += to_json(value);
  }
  return json + ']';
}

}  // namespace

std::string json_text(std::string_view text) {
  std::string json = "\"";
  while (!text.empty()) {
    const auto length = character_length(text);
    if (length == 0) json += '?';
    if (length == 1) append_escaped(json, text.front());
    if (length > 1) json += text.substr(0, length);
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return json + '"';
}

std::string json_list(const std::vector<int>& numbers) {
  return joined(numbers, [](int number) { return std::to_string(number); });
}

std::string json_list(const std::vector<std::string>& texts) { return joined(texts, json_text); }

}  // namespace trireme::collectives
