#include "dask/server/seconds.h"

#include <array>
#include <charconv>

namespace trireme::launcher::dask {

namespace {

struct Unit {
  std::string_view name;
  double seconds;
};

constexpr std::array kUnits = {
    Unit{"", 1},
    Unit{"s", 1},
    Unit{"second", 1},
    Unit{"ms", 1e-3},
    Unit{"millisecond", 1e-3},
    Unit{"us", 1e-6},
    Unit{"microsecond", 1e-6},
    Unit{"ns", 1e-9},
    Unit{"nanosecond", 1e-9},
    Unit{"m", 60},
    Unit{"minute", 60},
    Unit{"h", 3600},
    Unit{"hour", 3600},
    Unit{"d", 86400},
    Unit{"day", 86400},
    Unit{"w", 604800},
    Unit{"week", 604800},
};

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(' ');
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

}  // namespace

std::optional<double> parse_seconds(std::string_view text) {
  text = trimmed(text);
  double number = 1;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec == std::errc()) text.remove_prefix(static_cast<std::size_t>(parsed.ptr - text.data()));
  std::string_view name = trimmed(text);
  if (name.size() > 2 && name.ends_with('s')) name.remove_suffix(1);
  for (const Unit& unit : kUnits) {
    if (unit.name == name || unit.name == trimmed(text)) return number * unit.seconds;
  }
  return std::nullopt;
}

std::optional<double> find_seconds(const Object& map, std::string_view name) {
  const Object* value = find_value(map, name);
  if (!value) return std::nullopt;
  if (const auto text = as_text(*value)) return parse_seconds(*text);
  return as_number(*value);
}

}  // namespace trireme::launcher::dask
