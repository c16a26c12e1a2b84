#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "trireme/models/gpt2.h"

namespace trireme {

struct SamplingOptions {
  std::int64_t tokens = 200;
  double temperature = 0.8;
  std::int64_t top_k = 0;  // 0: all
  std::uint64_t seed = 1;
};

// Bytes that go on from `prompt` (not empty), from a model whose tokens are bytes and that is in evaluation mode.
// The same model, prompt and options give the same bytes.
[[nodiscard]] std::string sample_bytes(Gpt2& model, std::string_view prompt, const SamplingOptions& options);

}  // namespace trireme
