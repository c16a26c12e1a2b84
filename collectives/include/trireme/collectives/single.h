#pragma once

#include <memory>

#include "trireme/collectives/communicator.h"

namespace trireme::collectives {

// A world of one rank: every operation is a copy, or nothing when in place.
[[nodiscard]] std::unique_ptr<Communicator> make_single();

}  // namespace trireme::collectives
