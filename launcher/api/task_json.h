#pragma once

#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "scheduler/task_board.h"

// What the Dask face does, as JSON. docs/json.md has the keys.
namespace trireme::launcher {

[[nodiscard]] nlohmann::json to_json(const TaskBoard& board);
[[nodiscard]] nlohmann::json to_json(const std::vector<TaskSpan>& spans);

// What Dask's own /json/counts.json holds.
[[nodiscard]] nlohmann::json dask_counts(const TaskBoard& board);

}  // namespace trireme::launcher
