#include "sampling.h"

#include <ATen/CPUGeneratorImpl.h>
#include <torch/torch.h>

#include <algorithm>
#include <vector>

namespace trireme {
namespace {

std::int64_t choose(at::Tensor logits, const SamplingOptions& options, at::Generator& generator) {
  if (options.temperature == 0) return logits.argmax().item<std::int64_t>();
  logits = logits / options.temperature;
  if (options.top_k > 0 && options.top_k < logits.numel()) {
    const at::Tensor smallest = std::get<0>(logits.topk(options.top_k)).min();
    logits = logits.masked_fill(logits < smallest, -std::numeric_limits<float>::infinity());
  }
  return at::multinomial(logits.softmax(0), 1, /*replacement=*/false, generator).item<std::int64_t>();
}

}  // namespace

std::string sample_bytes(Gpt2& model, std::string_view prompt, const SamplingOptions& options) {
  const c10::InferenceMode inference;
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(options.seed);
  std::vector<std::int64_t> tokens;
  for (const char c : prompt) tokens.push_back(static_cast<unsigned char>(c));
  for (std::int64_t i = 0; i < options.tokens; ++i) {
    const auto count = std::min(static_cast<std::int64_t>(tokens.size()), model->config().positions);
    const at::Tensor window =
        at::from_blob(tokens.data() + (static_cast<std::int64_t>(tokens.size()) - count), {1, count}, at::kLong);
    tokens.push_back(choose(model->next_token_logits(window)[0], options, generator));
  }
  return {tokens.begin() + static_cast<std::ptrdiff_t>(prompt.size()), tokens.end()};
}

}  // namespace trireme
