#pragma once

#include <memory>
#include <string>

#include "api/actions.h"

namespace trireme::launcher {

class Scheduler;

// What the page can do to the scheduler of `cluster`, which outlives it. A run that is started there gets the owner's
// environment, as the scheduler has it, and what the request adds.
[[nodiscard]] std::unique_ptr<Actions> make_actions(Scheduler& scheduler, const std::string& cluster);

}  // namespace trireme::launcher
