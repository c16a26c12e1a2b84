#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace trireme {

// CRC-32C (Castagnoli) of `bytes`; pass the result of an earlier call as `seed` to go on.
[[nodiscard]] std::uint32_t crc32c(std::span<const std::byte> bytes, std::uint32_t seed = 0) noexcept;
// The CRC-32 of zlib, gzip and PNG, for files that Python writes with zlib.crc32.
[[nodiscard]] std::uint32_t crc32(std::span<const std::byte> bytes, std::uint32_t seed = 0) noexcept;

}  // namespace trireme
