#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <string>

#include "trireme/base/error.h"
#include "trireme/runtime/safetensors.h"

namespace trireme {
namespace {

std::string sound_file() {
  const std::string data = "0123456789abcdef";
  const auto bytes = std::as_bytes(std::span(data));
  const std::vector<SafetensorsValue> tensors{{"weight", "F32", {2, 1}, bytes.first(8)},
                                              {"bias", "BF16", {4}, bytes.subspan(8)}};
  return encode_safetensors_header(tensors, {{"format", "pt"}}) + data;
}

// Overwrites, removes or repeats bytes; digits are favoured, because lengths and offsets are made of them.
std::string mutate(std::string content, std::mt19937& random) {
  const std::string_view alphabet = "0123456789{}[]\",:-eE.\\ \xff";
  for (unsigned left = random() % 5 + 1; left > 0 && !content.empty(); --left) {
    const std::size_t at = random() % content.size();
    switch (random() % 4) {
      case 0:
        content[at] = static_cast<char>(random());
        break;
      case 1:
        content[at] = alphabet[random() % alphabet.size()];
        break;
      case 2:
        content.erase(at, random() % 8);
        break;
      default:
        content.insert(at, content.substr(at, random() % 8));
        break;
    }
  }
  return content;
}

TEST(SafetensorsHeader, SurvivesSeededMutations) {
  std::mt19937 random(20261121);
  const std::string sound = sound_file();
  int accepted = 0;
  for (int round = 0; round < 30000; ++round) {
    std::string content = mutate(sound, random);
    // Half of the time the length is made right again, so that the JSON is reached.
    if (const std::uint64_t header = content.size() - std::min<std::size_t>(content.size(), 24);
        round % 2 == 0 && content.size() > 32) {
      std::memcpy(content.data(), &header, sizeof header);
    }
    try {
      const auto parsed = parse_safetensors_header(std::as_bytes(std::span(content)), content.size(), "fuzz");
      for (const auto& entry : parsed.entries) ASSERT_LE(parsed.data_begin + entry.end, content.size());
      ++accepted;
    } catch (const DataError&) {
    }
  }
  EXPECT_GT(accepted, 0);
}

}  // namespace
}  // namespace trireme
