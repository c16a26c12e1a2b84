#pragma once

#include <chrono>
#include <memory>

#include "trireme/collectives/communicator.h"

namespace trireme::test {

// Another communicator whose all_reduce takes `delay` longer, in the background: the time runs from the posting on,
// whether or not anybody waits, as it does on a network.
[[nodiscard]] std::unique_ptr<collectives::Communicator> make_slow(std::unique_ptr<collectives::Communicator> inner,
                                                                   std::chrono::milliseconds delay);

}  // namespace trireme::test
