#pragma once

#include <torch/nn/module.h>

#include <vector>

#include "trireme/collectives/communicator.h"
#include "trireme/runtime/parameter_part.h"

namespace trireme {

// By parameter: an Embedding or EmbeddingBag with sparse(true) has it, so its gradients come as sparse tensors.
[[nodiscard]] std::vector<bool> find_sparse_parameters(torch::nn::Module& module,
                                                       const std::vector<NamedParameter>& parameters);

// Collective and blocking. The sum over the ranks of gradients of `parameter` whose rows are mostly zero: `own` is
// sparse or dense, or undefined where this rank has none. Only the rows that are there travel. The result is coalesced
// and the same bits on every rank: each row is summed in rank order.
[[nodiscard]] at::Tensor sum_sparse(const at::Tensor& parameter, const at::Tensor& own,
                                    collectives::Communicator& world, collectives::Timeout timeout);

}  // namespace trireme
