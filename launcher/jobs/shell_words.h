#pragma once

#include <string>

namespace trireme::launcher {

// The word as it is typed to a shell: in single quotes unless it needs none.
[[nodiscard]] std::string shell_quoted(const std::string& word);

}  // namespace trireme::launcher
