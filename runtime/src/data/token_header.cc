#include "data/token_header.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "data/checksum.h"
#include "trireme/base/error.h"
#include "trireme/base/message.h"

namespace trireme {
namespace {

constexpr std::size_t kHeaderWords = 256;
constexpr std::uint64_t kHeaderBytes = kHeaderWords * 4;
using HeaderWords = std::array<std::uint32_t, kHeaderWords>;

constexpr std::uint32_t kLlmcMagic = 20240520;
constexpr std::uint32_t kLlmcVersion = 1;
constexpr std::uint32_t kByteMagic = 0x4D495254;  // "TRIM"
constexpr std::uint32_t kByteVersion = 1;
constexpr std::uint64_t kChecksumLimit = 256ULL << 20;  // larger files are not read whole when they are opened

template <typename... Args>
[[noreturn]] void reject(std::string_view file, std::string_view pattern, const Args&... args) {
  throw DataError(message("{}: not a usable token file: {}", file, message(pattern, args...)));
}

HeaderWords read_words(std::span<const std::byte> bytes, std::string_view file) {
  if (bytes.size() < kHeaderBytes) {
    reject(file, "truncated: a header of {} bytes expected, {} bytes found", kHeaderBytes, bytes.size());
  }
  HeaderWords words{};
  std::memcpy(words.data(), bytes.data(), kHeaderBytes);
  return words;
}

void check_size(std::uint64_t expected, std::uint64_t found, std::string_view file) {
  if (found < expected) reject(file, "truncated: {} bytes expected, {} found; make it again", expected, found);
  if (found > expected) reject(file, "{} bytes expected, {} found: the header is of another file", expected, found);
}

TokenLayout llmc_layout(std::span<const std::byte> bytes, std::string_view file) {
  const HeaderWords words = read_words(bytes, file);
  if (words[1] != kLlmcVersion) {
    reject(file, "llm.c version {} expected, {} found (version 1 is GPT-2's uint16 tokens)", kLlmcVersion, words[1]);
  }
  check_size(kHeaderBytes + 2ULL * words[2], bytes.size(), file);
  return {kHeaderBytes, words[2], 2, kGpt2Vocabulary};
}

TokenLayout byte_layout(std::span<const std::byte> bytes, std::string_view file) {
  const HeaderWords words = read_words(bytes, file);
  if (words[1] != kByteVersion) reject(file, "version {} expected, {} found", kByteVersion, words[1]);
  const std::uint64_t tokens = words[2] | static_cast<std::uint64_t>(words[3]) << 32;
  if (tokens > INT64_MAX - kHeaderBytes) reject(file, "{} tokens cannot be", tokens);
  check_size(kHeaderBytes + tokens, bytes.size(), file);
  if (words[4] == 0 || words[4] > 256) reject(file, "a vocabulary of 1 to 256 expected, {} found", words[4]);
  if (bytes.size() <= kChecksumLimit && crc32(bytes.subspan(kHeaderBytes)) != words[5]) {
    reject(file, "its checksum does not match: it changed after it was made; make it again");
  }
  return {kHeaderBytes, static_cast<std::int64_t>(tokens), 1, words[4]};
}

bool is_text(std::span<const std::byte> bytes) {
  return std::ranges::all_of(bytes.first(std::min<std::size_t>(bytes.size(), 4096)), [](std::byte byte) {
    const int c = std::to_integer<int>(byte);
    return std::isprint(c) != 0 || std::isspace(c) != 0;
  });
}

// nanoGPT's files have no header, so what can be said is only what they cannot be.
TokenLayout raw_layout(std::span<const std::byte> bytes, std::string_view file) {
  if (is_text(bytes)) reject(file, "it is text; scripts/prepare_text --source {} makes a token file of it", file);
  if (bytes.size() % 2 != 0) {
    reject(file, "neither a known header nor whole uint16 tokens: an even number of bytes expected, {} found",
           bytes.size());
  }
  const TokenLayout layout{0, static_cast<std::int64_t>(bytes.size() / 2), 2, kGpt2Vocabulary};
  for (std::int64_t i = 0; i < std::min<std::int64_t>(layout.tokens, 4096); ++i) {
    const std::int64_t token = token_at(bytes.data(), layout, i);
    if (token >= layout.vocabulary) {
      reject(file, "no known header, and token {} at position {} is outside GPT-2's vocabulary of {}", token, i,
             layout.vocabulary);
    }
  }
  return layout;
}

}  // namespace

TokenLayout read_token_layout(std::span<const std::byte> file_bytes, std::string_view file) {
  if (file_bytes.empty()) reject(file, "it is empty; scripts/prepare_text makes one");
  std::uint32_t magic = 0;
  std::memcpy(&magic, file_bytes.data(), std::min(sizeof magic, file_bytes.size()));
  if (magic == kLlmcMagic) return llmc_layout(file_bytes, file);
  if (magic == kByteMagic) return byte_layout(file_bytes, file);
  return raw_layout(file_bytes, file);
}

}  // namespace trireme
