#include "trireme/models/gpt2_config.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme {
namespace {

struct Size {
  const char* name;
  std::int64_t layers;
  std::int64_t width;
  std::int64_t heads;
};
constexpr std::array<Size, 5> kSizes{{{"nano", 4, 128, 4},
                                      {"small", 12, 768, 12},
                                      {"medium", 24, 1024, 16},
                                      {"large", 36, 1280, 20},
                                      {"xl", 48, 1600, 25}}};

void check_positive(const char* name, std::int64_t value) {
  if (value < 1) throw ConfigError(message("{} {}: at least 1 is needed", name, value));
}

template <typename Number>
Number number_of(const std::map<std::string, std::string>& metadata, const std::string& key) {
  const auto found = metadata.find(key);
  if (found == metadata.end()) throw ConfigError(message("the model's configuration has no '{}'", key));
  const std::string& text = found->second;
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw ConfigError(message("'{}' of the model's configuration is '{}', a number was expected", key, text));
  }
  return value;
}

}  // namespace

Gpt2Config Gpt2Config::of_size(std::string_view size) {
  const auto found = std::ranges::find(kSizes, size, [](const Size& one) { return std::string_view(one.name); });
  if (found == kSizes.end()) {
    throw ConfigError(message("unknown size '{}': nano, small, medium, large and xl are known", size));
  }
  Gpt2Config config;
  config.layers = found->layers;
  config.width = found->width;
  config.heads = found->heads;
  return config;
}

const std::vector<std::string>& Gpt2Config::sizes() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const Size& size : kSizes) all.emplace_back(size.name);
    return all;
  }();
  return names;
}

void Gpt2Config::check() const {
  check_positive("layers", layers);
  check_positive("width", width);
  check_positive("heads", heads);
  check_positive("positions", positions);
  check_positive("vocabulary", vocabulary);
  if (width % heads != 0) throw ConfigError(message("width {} is not a multiple of heads {}", width, heads));
  if (!(dropout >= 0 && dropout < 1)) throw ConfigError(message("dropout {}: 0 to below 1 is needed", dropout));
}

std::int64_t Gpt2Config::parameter_count() const noexcept {
  const std::int64_t block = 12 * width * width + 13 * width;  // attention 4 w², mlp 8 w², biases 9 w, norms 4 w
  return (vocabulary + positions) * width + layers * block + 2 * width;
}

double Gpt2Config::flops_per_token(std::int64_t length) const noexcept {
  const auto multiplying = static_cast<double>(parameter_count() - positions * width);
  return 6 * multiplying + 12 * static_cast<double>(layers * length * width);
}

std::map<std::string, std::string> Gpt2Config::metadata() const {
  return {{"model_type", "gpt2"},
          {"n_layer", std::to_string(layers)},
          {"n_embd", std::to_string(width)},
          {"n_head", std::to_string(heads)},
          {"n_positions", std::to_string(positions)},
          {"vocab_size", std::to_string(vocabulary)},
          {"dropout", std::to_string(dropout)}};
}

Gpt2Config Gpt2Config::from_metadata(const std::map<std::string, std::string>& metadata) {
  const auto type = metadata.find("model_type");
  if (type == metadata.end() || type->second != "gpt2") throw ConfigError("it is not of a GPT-2 model");
  Gpt2Config config{number_of<std::int64_t>(metadata, "n_layer"),    number_of<std::int64_t>(metadata, "n_embd"),
                    number_of<std::int64_t>(metadata, "n_head"),     number_of<std::int64_t>(metadata, "n_positions"),
                    number_of<std::int64_t>(metadata, "vocab_size"), number_of<double>(metadata, "dropout")};
  config.check();
  return config;
}

}  // namespace trireme
