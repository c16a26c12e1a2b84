#pragma once

#include <cstdint>
#include <vector>

#include "trireme/collectives/communicator.h"

namespace trireme {

// What the ranks know of a step's gradients once all of them have finished backward.
struct StepAgreement {
  double squares = 0;        // the sum of the ranks' shares, in rank order
  std::vector<bool> used{};  // by parameter: some rank has a gradient
  std::uint32_t passes = 0;  // stands for the gathers of the step, below 2^20; the same on all ranks
};

// Collective. Adds up every rank's share. That all ranks came here also says that none of them still reads a parameter
// for this step. Throws MismatchError when `passes` differ.
[[nodiscard]] StepAgreement agree_on_step(collectives::Communicator& world, const StepAgreement& own,
                                          collectives::Timeout timeout);

}  // namespace trireme
