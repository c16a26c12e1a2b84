#pragma once

#include <memory>

#include "api/actions.h"

namespace trireme::launcher {

class Scheduler;

// What the page can do to a scheduler, which outlives it. A run that is started there gets the owner's environment, as
// the scheduler has it, and what the request adds.
[[nodiscard]] std::unique_ptr<Actions> make_actions(Scheduler& scheduler);

}  // namespace trireme::launcher
