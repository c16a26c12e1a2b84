#pragma once

#include <filesystem>

#include "scheduler/snapshot.h"
#include "scheduler/state.h"

// From the scheduler's state to what the faces show. Pure.
namespace trireme::launcher {

[[nodiscard]] RunView view_of(const Run& run, const std::filesystem::path& runs_folder);
[[nodiscard]] NodeView view_of(const Node& node, const ClusterState& state);

}  // namespace trireme::launcher
