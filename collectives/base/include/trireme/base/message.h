#pragma once

#include <cstddef>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

// Text of error messages, without a formatting library in public headers.
//
// LibTorch's include folder holds a copy of fmt of another version than the system's. A public header that included
// fmt would bind to one or the other depending on the order of include paths, so ours include none.
namespace trireme {

namespace detail {
// Replaces each "{}" of `pattern` by the next of `arguments`; surplus arguments are appended, surplus "{}" stay.
std::string fill(std::string_view pattern, const std::vector<std::string>& arguments);

template <typename T>
std::string to_text(const T& value) {
  std::ostringstream out;
  out << std::boolalpha << value;
  return std::move(out).str();
}
}  // namespace detail

// message("rank {} of {}", 3, 8) == "rank 3 of 8". Any streamable type; for errors, not for hot paths.
template <typename... Args>
[[nodiscard]] std::string message(std::string_view pattern, const Args&... args) {
  return detail::fill(pattern, {detail::to_text(args)...});
}

}  // namespace trireme
