#pragma once

#include <cstdint>
#include <map>
#include <string>

// Numbers as StateSource::scalars() keeps them.
namespace trireme {

// Reads back as the same double.
[[nodiscard]] std::string scalar_text(double value);

// Changes nothing when the key is missing. Throws CheckpointError when its value is no number from 0 to 1e18.
void load_scalar(const std::map<std::string, std::string>& scalars, const char* key, double& value);
void load_scalar(const std::map<std::string, std::string>& scalars, const char* key, std::int64_t& value);

}  // namespace trireme
