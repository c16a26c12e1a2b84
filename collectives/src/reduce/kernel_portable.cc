#include "kernels.h"

#include "kernel_loops.h"

namespace trireme::collectives {

void reduce_portable(std::span<const void* const> pieces, std::span<void* const> outputs, std::int64_t count,
                     Dtype dtype, ReduceOp op) {
  reduce_loops(pieces, outputs, count, dtype, op);
}

}  // namespace trireme::collectives
