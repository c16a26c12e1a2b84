#include "kernels.h"

#if defined(__x86_64__)

#include "kernel_loops.h"

namespace trireme::collectives {

void reduce_avx2(std::span<const void* const> pieces, std::span<void* const> outputs, std::int64_t count, Dtype dtype,
                 ReduceOp op) {
  reduce_loops(pieces, outputs, count, dtype, op);
}

}  // namespace trireme::collectives

#endif
