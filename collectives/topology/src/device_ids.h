#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "trireme/topology/nic.h"

namespace trireme::topology {

struct KnownFunction {
  std::uint16_t vendor = 0;
  std::uint16_t device = 0;
  NicFamily family = NicFamily::kOther;
  NicKind kind = NicKind::kPhysicalFunction;
  std::string_view model;
};

// What a network function with these ids is. In a virtual machine a virtual function has no link to its physical one:
// only its ids tell. nullopt for ids that are not in the table.
[[nodiscard]] std::optional<KnownFunction> known_function(std::uint16_t vendor, std::uint16_t device) noexcept;
// The family by vendor, for functions that are not in the table.
[[nodiscard]] NicFamily family_of_vendor(std::uint16_t vendor) noexcept;

}  // namespace trireme::topology
