#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace trireme::topology {

// Whether a bridge with this PCI Express configuration space redirects peer-to-peer requests or completions upstream
// (Access Control Services, extended capability 0x000d). False without the capability; nullopt when the extended part,
// which begins at byte 256, was not readable.
[[nodiscard]] std::optional<bool> acs_redirects(std::span<const std::uint8_t> config);

}  // namespace trireme::topology
