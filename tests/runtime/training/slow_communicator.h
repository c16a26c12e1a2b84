#pragma once

#include <chrono>
#include <functional>
#include <memory>

#include "trireme/collectives/communicator.h"

namespace trireme::test {

// How much longer the next operation takes.
using Delay = std::function<std::chrono::milliseconds()>;

// Another communicator whose collectives take longer, in the background: the time runs from the posting on, whether or
// not anybody waits, as it does on a network. What is split off it is as slow.
[[nodiscard]] std::unique_ptr<collectives::Communicator> make_slow(std::unique_ptr<collectives::Communicator> inner,
                                                                   Delay delay);

// 0 to 2 ms, in an order that is each rank's own.
[[nodiscard]] Delay uneven_delays(int rank);

}  // namespace trireme::test
