#include "dask/materializer/python_search.h"

#include <unistd.h>

#include <algorithm>

namespace trireme::launcher::dask {

std::vector<std::string> python_candidates(const std::string& named, std::string_view path) {
  if (!named.empty()) return {named};
  std::vector<std::string> found;
  while (!path.empty()) {
    const std::string_view folder = path.substr(0, path.find(':'));
    path.remove_prefix(std::min(folder.size() + 1, path.size()));
    std::string program = std::string(folder) + "/python3";
    if (folder.empty() || ::access(program.c_str(), X_OK) != 0 || std::ranges::count(found, program) != 0) continue;
    found.push_back(std::move(program));
  }
  return found;
}

}  // namespace trireme::launcher::dask
