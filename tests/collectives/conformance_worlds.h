#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "communicator_conformance.h"
#include "trireme/base/store.h"

// Worlds that a process can start itself.
namespace trireme::collectives::test {

// Makes the communicator of one rank; called on every rank, with the store that all of them share.
using MakeRank = std::function<std::unique_ptr<Communicator>(Store& store, int rank, int size)>;

[[nodiscard]] World thread_world(const std::string& name, int ranks, const MakeRank& make);
// Its tests carry the label `process` where the suite's name matches what trireme_test() was told.
[[nodiscard]] World process_world(const std::string& name, int ranks, const MakeRank& make);

// How many ranks worlds have, those of at least `least`; fewer worlds where TRIREME_FEW_WORLDS is defined: sanitizers
// are slow, and find in three ranks what they find in seven.
[[nodiscard]] std::vector<int> sizes_of_thread_worlds(int least);
[[nodiscard]] std::vector<int> sizes_of_process_worlds();

// One of each size, named "tcp_threads_3".
[[nodiscard]] std::vector<World> thread_worlds(const std::string& backend, int least, const MakeRank& make);
[[nodiscard]] std::vector<World> process_worlds(const std::string& backend, const MakeRank& make);

}  // namespace trireme::collectives::test
