#pragma once

#include <string>
#include <vector>

namespace trireme::launcher {

// Columns aligned by their widest cell, counted in characters; the last column is not padded.
[[nodiscard]] std::string format_table(const std::vector<std::vector<std::string>>& rows);

}  // namespace trireme::launcher
