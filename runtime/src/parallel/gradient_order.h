#pragma once

#include <cstddef>
#include <vector>

#include "trireme/collectives/communicator.h"

namespace trireme {

// `arrived`, then what is missing of 0 … count-1 from the highest down, because parameters registered last tend to get
// their gradients first. Pure.
[[nodiscard]] std::vector<std::size_t> complete_order(const std::vector<std::size_t>& arrived, std::size_t count);

// Collective. The order in which gradients arrived on rank 0; empty when none did.
[[nodiscard]] std::vector<std::size_t> order_of_rank_zero(const std::vector<std::size_t>& arrived,
                                                          collectives::Communicator& world,
                                                          collectives::Timeout timeout);

}  // namespace trireme
