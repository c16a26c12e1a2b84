#include "precision/scalar_text.h"

#include <charconv>

#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme {
namespace {

constexpr std::int64_t kMost = 1'000'000'000'000'000'000;

template <typename Number>
void load_number(const std::map<std::string, std::string>& scalars, const char* key, Number& number) {
  const auto found = scalars.find(key);
  if (found == scalars.end()) return;
  const auto& text = found->second;
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() ||
      !(value >= 0 && value <= static_cast<Number>(kMost))) {
    throw CheckpointError(message("{} is \"{}\" in the checkpoint, which is not a number from 0 on.", key, text));
  }
  number = value;
}

}  // namespace

std::string scalar_text(double value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

void load_scalar(const std::map<std::string, std::string>& scalars, const char* key, double& value) {
  load_number(scalars, key, value);
}
void load_scalar(const std::map<std::string, std::string>& scalars, const char* key, std::int64_t& value) {
  load_number(scalars, key, value);
}

}  // namespace trireme
