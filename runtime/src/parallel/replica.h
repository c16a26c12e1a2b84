#pragma once

#include <torch/nn/module.h>

#include <vector>

#include "trireme/collectives/communicator.h"
#include "trireme/runtime/parallel.h"

namespace trireme {

// The tensors of a module, each once under its first name, in the order of registration.
struct Replica {
  std::vector<NamedParameter> parameters;
  std::vector<NamedParameter> buffers;
};

// Makes all of them contiguous, because buckets, checkpoints and collectives see flat memory.
[[nodiscard]] Replica read_replica(torch::nn::Module& module);

// Gives memory to what is deferred (deferred_init.h) and stays whole on every rank: all, unless trained parameters are
// sharded.
void materialize_whole(Replica& replica, bool is_sharded);

// Moves every tensor to the device on which the context's ranks compute; of deferred ones only what they will become.
void move_to(Replica& replica, c10::Device device);

// The parameters with elements that require a gradient, or the others.
[[nodiscard]] std::vector<NamedParameter> select(const Replica& replica, bool trained);
// Those that require one. Throws ConfigError when there is none.
[[nodiscard]] std::vector<NamedParameter> trainable(const Replica& replica);

// Collective. Throws MismatchError naming the first tensor and the rank that differ from rank 0 in name, shape, dtype
// or in being deferred.
void require_same_model(const Replica& replica, collectives::Communicator& communicator);

// Collective. Every rank gets rank 0's values, but of deferred tensors.
void broadcast_tensors(const std::vector<NamedParameter>& tensors, collectives::Communicator& communicator,
                       collectives::Timeout timeout);
void broadcast_replica(Replica& replica, collectives::Communicator& communicator, collectives::Timeout timeout);

}  // namespace trireme
