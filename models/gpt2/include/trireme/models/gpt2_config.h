#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace trireme {

// The shape of a GPT-2. A plain value.
struct Gpt2Config {
  std::int64_t layers = 4;
  std::int64_t width = 128;
  std::int64_t heads = 4;
  std::int64_t positions = 1024;  // longest window
  std::int64_t vocabulary = 50257;
  double dropout = 0;  // on embeddings, attention and both residual branches

  // "nano" (4 x 128), "small" (12 x 768, GPT-2 124M), "medium" (24 x 1024), "large" (36 x 1280), "xl" (48 x 1600).
  // Throws ConfigError naming the sizes there are.
  [[nodiscard]] static Gpt2Config of_size(std::string_view size);
  [[nodiscard]] static Gpt2Config small() { return of_size("small"); }
  [[nodiscard]] static const std::vector<std::string>& sizes();

  // Throws ConfigError naming the value: all are positive, and heads divide width.
  void check() const;
  [[nodiscard]] std::int64_t parameter_count() const noexcept;
  // Floating-point operations of forward and backward for a token of a window of `length` (arXiv:2204.02311, appendix
  // B): 6 for each parameter that multiplies, 12 layers length width for attention.
  [[nodiscard]] double flops_per_token(std::int64_t length) const noexcept;

  // As the keys of Hugging Face's config.json ("n_layer", "n_embd", …), which checkpoints keep.
  [[nodiscard]] std::map<std::string, std::string> metadata() const;
  // Throws ConfigError naming a key that is missing or not a number.
  [[nodiscard]] static Gpt2Config from_metadata(const std::map<std::string, std::string>& metadata);

  friend bool operator==(const Gpt2Config&, const Gpt2Config&) = default;
};

}  // namespace trireme
