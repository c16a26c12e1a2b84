#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "trireme/collectives/communicator.h"

namespace trireme {

struct FlatPiece {
  std::int64_t elements = 0;
  at::ScalarType dtype = at::kFloat;
};

// Collective. One allocation of communicator memory, zeroed, cut into 1-D tensors that each start on a page, so that
// blocks of two buckets never share one.
[[nodiscard]] std::vector<at::Tensor> allocate_flat(collectives::Communicator& communicator,
                                                    const std::vector<FlatPiece>& pieces);

// As allocate_flat(), but the same memory on all ranks of `communicator`, which must share memory.
[[nodiscard]] std::vector<at::Tensor> allocate_shared(collectives::Communicator& communicator,
                                                      const std::vector<FlatPiece>& pieces);

}  // namespace trireme
