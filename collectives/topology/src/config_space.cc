#include "config_space.h"

namespace trireme::topology {

namespace {

constexpr std::size_t kExtendedPart = 0x100;
constexpr std::uint32_t kAccessControlServices = 0x000d;
constexpr std::size_t kControlRegister = 6;
constexpr std::uint32_t kRequestRedirect = 1U << 2U;
constexpr std::uint32_t kCompletionRedirect = 1U << 3U;
constexpr int kMostCapabilities = 1024;  // a chain that loops ends here

std::uint32_t read_word(std::span<const std::uint8_t> config, std::size_t offset) {
  return config[offset] | static_cast<std::uint32_t>(config[offset + 1]) << 8U |
         static_cast<std::uint32_t>(config[offset + 2]) << 16U | static_cast<std::uint32_t>(config[offset + 3]) << 24U;
}

}  // namespace

std::optional<bool> acs_redirects(std::span<const std::uint8_t> config) {
  if (config.size() < kExtendedPart + 8) return std::nullopt;
  std::size_t offset = kExtendedPart;
  for (int seen = 0; seen < kMostCapabilities && offset >= kExtendedPart && offset + 8 <= config.size(); ++seen) {
    const auto header = read_word(config, offset);
    if ((header & 0xffffU) == kAccessControlServices) {
      const auto control = read_word(config, offset + kControlRegister - 2) >> 16U;
      return (control & (kRequestRedirect | kCompletionRedirect)) != 0;
    }
    offset = header >> 20U;
  }
  return false;
}

}  // namespace trireme::topology
