#pragma once

#include <string>
#include <string_view>

#include "trireme/base/message.h"

namespace trireme::detail {
// File and line as macros give them: clang-tidy 14 cannot read std::source_location.
[[noreturn]] void fail_check(std::string_view condition, const char* file, int line, const std::string& text);
}  // namespace trireme::detail

// Throws InvariantError with file and line when `condition` is false. For invariants of ours, never for user input.
// TRIREME_CHECK(offset < size, "offset {} beyond {} bytes", offset, size);
#define TRIREME_CHECK(condition, ...)                                                                 \
  do {                                                                                                \
    if (!(condition)) [[unlikely]]                                                                    \
      ::trireme::detail::fail_check(#condition, __FILE__, __LINE__, ::trireme::message(__VA_ARGS__)); \
  } while (false)
