#pragma once

#include <string>
#include <string_view>
#include <vector>

// Pieces of JSON that are made ahead, where memory may be allocated, so that a handler of a signal only copies them.
namespace trireme::collectives {

// `text` in quotes; what is not UTF-8 becomes "?".
[[nodiscard]] std::string json_text(std::string_view text);
[[nodiscard]] std::string json_list(const std::vector<int>& numbers);
[[nodiscard]] std::string json_list(const std::vector<std::string>& texts);

}  // namespace trireme::collectives
