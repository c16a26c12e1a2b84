#include "data/checksum.h"

#include <array>
#include <bit>
#include <cstring>

namespace trireme {
namespace {

constexpr std::size_t kStride = 8;
using Tables = std::array<std::array<std::uint32_t, 256>, kStride>;

// tables[k][b]: the remainder of byte b followed by k zero bytes, so that eight bytes are folded by eight look-ups.
constexpr Tables make_tables(std::uint32_t reversed_polynomial) {
  Tables tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? reversed_polynomial : 0);
    tables[0][byte] = crc;
  }
  for (std::size_t k = 1; k < kStride; ++k) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t previous = tables[k - 1][byte];
      tables[k][byte] = (previous >> 8) ^ tables[0][previous & 0xFF];
    }
  }
  return tables;
}
constexpr Tables kCastagnoli = make_tables(0x82F63B78);
constexpr Tables kIeee = make_tables(0xEDB88320);

std::uint32_t fold_eight(const Tables& tables, std::uint32_t crc, const std::byte* data) noexcept {
  static_assert(std::endian::native == std::endian::little);
  std::uint64_t word = 0;
  std::memcpy(&word, data, sizeof word);
  word ^= crc;
  std::uint32_t folded = 0;
  for (std::size_t k = 0; k < kStride; ++k) folded ^= tables[kStride - 1 - k][(word >> (8 * k)) & 0xFF];
  return folded;
}

std::uint32_t crc(const Tables& tables, std::span<const std::byte> bytes, std::uint32_t seed) noexcept {
  std::uint32_t remainder = ~seed;
  std::size_t i = 0;
  for (; i + kStride <= bytes.size(); i += kStride) remainder = fold_eight(tables, remainder, bytes.data() + i);
  for (; i < bytes.size(); ++i) {
    remainder = (remainder >> 8) ^ tables[0][(remainder ^ std::to_integer<std::uint32_t>(bytes[i])) & 0xFF];
  }
  return ~remainder;
}

}  // namespace

std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t seed) noexcept {
  return crc(kCastagnoli, bytes, seed);
}

std::uint32_t crc32(std::span<const std::byte> bytes, std::uint32_t seed) noexcept { return crc(kIeee, bytes, seed); }

}  // namespace trireme
