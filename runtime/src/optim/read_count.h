#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace trireme {

// A count of a checkpoint's scalars. Throws CheckpointError when it is missing or no count.
[[nodiscard]] std::int64_t read_count(const std::map<std::string, std::string>& scalars, const std::string& key);

}  // namespace trireme
