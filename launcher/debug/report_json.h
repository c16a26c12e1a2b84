#pragma once

#include <nlohmann/json_fwd.hpp>

#include "debug/diagnosis.h"

namespace trireme::launcher {

// Keys are stable and documented in docs/json.md. Durations are seconds.
[[nodiscard]] nlohmann::json to_json(const Diagnosis& diagnosis);

}  // namespace trireme::launcher
