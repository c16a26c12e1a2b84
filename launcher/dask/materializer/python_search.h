#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace trireme::launcher::dask {

// The Pythons to try, best first: `named` alone if it is not empty, else each python3 in the folders of `path`
// ("/usr/bin:/bin").
[[nodiscard]] std::vector<std::string> python_candidates(const std::string& named, std::string_view path);

}  // namespace trireme::launcher::dask
