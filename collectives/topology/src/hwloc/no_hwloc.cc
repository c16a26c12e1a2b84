#include "processors.h"

// A build without hwloc reads /sys alone.
namespace trireme::topology {

std::optional<Processors> ask_hwloc(const std::string&) { return std::nullopt; }

std::string hwloc_version() { return {}; }

}  // namespace trireme::topology
