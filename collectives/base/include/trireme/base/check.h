#pragma once

#include <source_location>
#include <string_view>

#include "trireme/base/message.h"

namespace trireme::detail {
[[noreturn]] void fail_check(std::string_view condition, const std::string& text,
                             std::source_location where = std::source_location::current());
}  // namespace trireme::detail

// Throws InvariantError with file and line when `condition` is false. For invariants of ours, never for user input.
// TRIREME_CHECK(offset < size, "offset {} beyond {} bytes", offset, size);
#define TRIREME_CHECK(condition, ...)                                             \
  do {                                                                            \
    if (!(condition)) [[unlikely]]                                                \
      ::trireme::detail::fail_check(#condition, ::trireme::message(__VA_ARGS__)); \
  } while (false)
