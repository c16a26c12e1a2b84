#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/checksum.h"

// Contents of token files, written out by hand as their formats are documented.
namespace trireme::test {

inline std::string words(const std::array<std::uint32_t, 6>& first) {
  std::string header(1024, '\0');
  std::memcpy(header.data(), first.data(), sizeof first);
  return header;
}

inline std::string raw_file(const std::vector<std::uint16_t>& tokens) {
  std::string content(tokens.size() * 2, '\0');
  std::memcpy(content.data(), tokens.data(), content.size());
  return content;
}

inline std::string llmc_file(const std::vector<std::uint16_t>& tokens) {
  return words({20240520, 1, static_cast<std::uint32_t>(tokens.size())}) + raw_file(tokens);
}

inline std::string byte_file(std::string_view text) {
  const std::uint32_t checksum = crc32(std::as_bytes(std::span(text)));
  return words({0x4D495254, 1, static_cast<std::uint32_t>(text.size()), 0, 256, checksum}) + std::string(text);
}

// A text in which the byte at position i is i modulo 251, so that a window tells where it was cut.
inline std::string counting_text(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i % 251);
  return text;
}

}  // namespace trireme::test
