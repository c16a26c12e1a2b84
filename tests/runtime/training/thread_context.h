#pragma once

#include <functional>

#include "trireme/runtime/train_context.h"

namespace trireme::test {

// Where a rank stands that is one of `size` on one node.
[[nodiscard]] RankEnvironment one_node_environment(int rank, int size);

// What a rank uses in place of its communicator.
using WrapCommunicator =
    std::function<std::unique_ptr<collectives::Communicator>(std::unique_ptr<collectives::Communicator>)>;

// Runs `body` on `size` ranks that are threads of this process and talk over shm, each with a context of its own.
void run_thread_contexts(int size, const std::function<void(TrainContext&)>& body, const WrapCommunicator& wrap = {});

}  // namespace trireme::test
