#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace trireme {

// Where the tokens of a file lie and how wide they are.
struct TokenLayout {
  std::uint64_t data_begin = 0;
  std::int64_t tokens = 0;
  int token_bytes = 2;  // 1 or 2, little-endian
  std::int64_t vocabulary = 0;
  friend bool operator==(const TokenLayout&, const TokenLayout&) = default;
};

inline constexpr std::int64_t kGpt2Vocabulary = 50257;

// Recognises the format of a whole file; see README.md beside this file. Throws DataError naming `file`, what was
// expected and what was found.
[[nodiscard]] TokenLayout read_token_layout(std::span<const std::byte> file_bytes, std::string_view file);

// Token `index`; `data` points to the first one.
[[nodiscard]] inline std::int64_t token_at(const std::byte* data, const TokenLayout& layout,
                                           std::int64_t index) noexcept {
  if (layout.token_bytes == 1) return std::to_integer<std::int64_t>(data[index]);
  std::uint16_t token = 0;
  std::memcpy(&token, data + 2 * index, sizeof token);
  return token;
}

}  // namespace trireme
